"""The close of a period: the checklist of an entity and period, from what the topics hold, and the steps of it."""

from streams.close.checklist import Check, CloseStatus, Evidence, Item, checklist
from streams.close.reading import read_evidence

__all__ = ["Check", "CloseStatus", "Evidence", "Item", "checklist", "read_evidence"]

"""The history of one contract as the topics tell it: read, put in order, shown. Serves `tieout status` and the demo.

Looks into no worker and no table: everything here can be read by anybody with access to the topics.
"""

from streams.timeline.document import to_document
from streams.timeline.history import ContractHistory, EventStory, Kept, Posted, Waiting
from streams.timeline.reading import TopicsUnreadable, read_contract
from streams.timeline.view import render

__all__ = [
    "ContractHistory",
    "EventStory",
    "Kept",
    "Posted",
    "TopicsUnreadable",
    "Waiting",
    "read_contract",
    "render",
    "to_document",
]

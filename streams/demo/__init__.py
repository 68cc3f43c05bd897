"""`tieout demo`: the source document's scenario, played through the real API on the embedded broker or a given one.

`scenario` is the story as events, `runner` plays it. Uses what a user could use: HTTP, topics, the ledger.
"""

from streams.demo.runner import run_demo

__all__ = ["run_demo"]

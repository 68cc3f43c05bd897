"""Servers that tieout starts itself, so that a first run needs nothing but Python.

Nothing here knows of events, contracts or topics; callers see a broker address and no more.
"""

from streams.embedded.broker import EmbeddedBroker, EmbeddedBrokerMissingError
from streams.embedded.process import ServerFailedError

__all__ = ["EmbeddedBroker", "EmbeddedBrokerMissingError", "ServerFailedError"]

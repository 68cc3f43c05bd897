"""The embedded revenue platform: a pure engine (`recognise`) and its home in a database (`EmbeddedRevenuePlatform`)."""

from connectors.revenue.embedded.book import Book
from connectors.revenue.embedded.engine import recognise
from connectors.revenue.embedded.platform import EmbeddedRevenuePlatform

__all__ = ["Book", "EmbeddedRevenuePlatform", "recognise"]

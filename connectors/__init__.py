"""Connectors: the only code that knows a foreign system."""

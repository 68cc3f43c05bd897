"""Connectors against the real systems, or what stands for them."""

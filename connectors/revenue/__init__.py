"""Revenue recognition platforms."""

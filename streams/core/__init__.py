"""The functional core: pure decisions over immutable values, with no clock, no randomness and no I/O."""

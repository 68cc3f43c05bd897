"""One program a row of the benchmark; each runs in a process of its own."""

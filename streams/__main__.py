"""`python -m streams` is `tieout`."""

from streams.cli import main

main()

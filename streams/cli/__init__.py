"""The command line: `tieout`. Commands read settings, call one function, print; they hold no logic of their own.

Exit codes: 0 done, 1 the answer is no (does not tie out, not compatible, a worker failed), 2 the call or a setting is
wrong.
"""

from streams.cli.main import main

__all__ = ["main"]

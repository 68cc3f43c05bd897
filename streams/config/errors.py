"""What is wrong with a configuration, said so that its reader can mend it: where, found, expected, remedy.

All problems of a start are reported at once. Knows no setting and no file format.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    where: str
    """File and line, or environment variable."""
    path: str
    """Path of the key inside the file, dotted; empty for an environment variable or a whole file."""
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.where}: {self.path}" if self.path else self.where
        return f"{place}: found {self.found}; expected {self.expected}. {self.remedy}"


class ConfigurationError(Exception):
    """The configuration is wrong and nothing was started; the operator must act."""

    code: ClassVar[str] = "CONFIGURATION_INVALID"

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"the configuration has {count}:", *(f"  {problem}" for problem in problems)]))
        self.problems = tuple(problems)


class SettingsError(ConfigurationError):
    """A setting of the processes (TIEOUT_*, tieout.yaml) is wrong."""

    code: ClassVar[str] = "SETTINGS_INVALID"


class PolicyError(ConfigurationError):
    """A file of what finance decides (accounts, entities, owners, ...) is wrong."""

    code: ClassVar[str] = "POLICY_INVALID"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that proposes the known name nearest to a wrong one, or all names when none is near."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.7)
    return f"Did you mean {near[0]}?" if near else f"Known are {', '.join(names)}."

"""The names of the environment variables, and which of them nobody knows."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from streams.config.errors import Problem, did_you_mean

PREFIX = "TIEOUT_"

# Variables that the test suite reads.
_OF_THE_TESTS = re.compile(r"TIEOUT_(TEST_\w+|REQUIRE_REAL)")
# Secrets of the configured sources; the API checks that each has its source.
SOURCE_SECRET = re.compile(r"TIEOUT_SOURCE_([A-Z0-9_]+)_SECRET")
# Kubernetes sets these in every pod, for each service whose name starts with "tieout" (enableServiceLinks).
_SERVICE_LINK = re.compile(
    r"TIEOUT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def unknown_variables(environ: Mapping[str, str], settings: Collection[str]) -> list[Problem]:
    """Return a problem for every TIEOUT_ variable that is no setting: a slip in a name must not go unseen."""
    known = {variable(name) for name in settings}
    problems = []
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX) or name.upper() in known:
            continue
        if _OF_THE_TESTS.fullmatch(name) or SOURCE_SECRET.fullmatch(name) or is_service_link(name, environ[name]):
            continue
        problems.append(Problem(name, "", "an unknown variable", "a setting of tieout", did_you_mean(name, known)))
    return problems


def is_service_link(name: str, value: str) -> bool:
    """Tell whether a variable is one that Kubernetes sets for a service."""
    return bool(_SERVICE_LINK.fullmatch(name) or (name.endswith("_PORT") and _LINK_VALUE.match(value)))

"""Virtual environments of the frameworks that cannot live beside tieout's own dependencies, made once.

Versions are pinned: a benchmark names what it measured.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from tests.infra.component import cache_dir

_CORE = (
    "msgspec>=0.19,<1",
    "fastavro>=1.10,<2",
    "pydantic>=2.10,<3",
    "pydantic-settings>=2.7,<3",
    "pyyaml",
    "sqlalchemy>=2.0.36,<3",
    "httpx<1",
)
ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "bench-venv": ("quixstreams==3.28.1", "matplotlib>=3.9,<4", *_CORE),
    "bench-bytewax-venv": ("bytewax==0.21.1", "confluent-kafka>=2.10,<3", *_CORE),
}
_INSTALL_SECONDS = 400.0


class EnvironmentMissing(RuntimeError):
    """A peer's packages could not be installed here; its rows are left out and the report says so."""


def python_of(name: str) -> Path:
    """The interpreter of an environment, made now when it is not there or its list of packages has changed."""
    home = cache_dir() / name
    python, stamp = home / "bin" / "python", home / "installed"
    wanted = "\n".join(ENVIRONMENTS[name])
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"making {home.name}: {', '.join(ENVIRONMENTS[name][:2])}", flush=True)
    venv.create(home, clear=True, with_pip=True)
    _pip(python, ENVIRONMENTS[name])
    stamp.write_text(wanted)
    return python


def _pip(python: Path, packages: Sequence[str]) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        raise EnvironmentMissing(f"pip did not finish within {_INSTALL_SECONDS:.0f} s") from late
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        version = ".".join(map(str, sys.version_info[:2]))
        raise EnvironmentMissing(f"{packages[0]} cannot be installed for Python {version}: {last}")

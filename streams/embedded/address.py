"""Where the embedded broker of a data folder listens, so that other processes of the same folder find it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from streams.embedded.process import listens

_FILE = "embedded-broker.address"


@contextlib.contextmanager
def published_address(data_dir: Path, bootstrap: str) -> Iterator[None]:
    """Publish the address for the length of a `with` block."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / _FILE
    path.write_text(bootstrap, encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_address(data_dir: Path) -> str | None:
    """Return the address of the embedded broker that runs for a data folder, or None when none does."""
    try:
        bootstrap = (data_dir / _FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return bootstrap if listens(bootstrap) else None

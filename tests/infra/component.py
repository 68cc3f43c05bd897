"""What the tests need from the machine, and where what was fetched once is kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


class ComponentMissingError(RuntimeError):
    """A piece of the machine that these tests need is not installed."""

    def __init__(self, component: str, found: str, install: str) -> None:
        super().__init__(f"{component} is missing ({found}); install it with: {install}")
        self.component = component
        self.install = install


def cache_dir() -> Path:
    """Where fetched servers are kept between runs: TIEOUT_TEST_CACHE, or .work/ in the repository."""
    return Path(os.environ.get("TIEOUT_TEST_CACHE") or REPOSITORY / ".work").resolve()


def program(name: str, *, component: str, install: str, also_in: list[Path] | None = None) -> Path:
    """The program on PATH or in one of the folders `also_in`; ComponentMissingError when it is in neither."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    for folder in also_in or []:
        if os.access(folder / name, os.X_OK):
            return folder / name
    raise ComponentMissingError(component, f"no program {name} on PATH", install)


def java() -> Path:
    """The Java launcher."""
    return program("java", component="Java 17 or later", install="apt-get install default-jre-headless")

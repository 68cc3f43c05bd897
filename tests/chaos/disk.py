"""A disk of its own for each worker's tables, small enough to be filled: a tmpfs, which takes root on Linux.

It outlives a process that is killed, as a disk does. Knows nothing of workers or RocksDB.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_MEBIBYTE = 1024 * 1024
_SIZE_MEBIBYTES = 128
_PIECES = (_MEBIBYTE, 64 * 1024, 4096)
_BALLAST = "ballast"


class NoDisks(Exception):
    """This machine lets nobody make a small disk; the message says why."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A small file system."""

    folder: Path

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room on it for as long as this lasts."""
        ballast = self.folder / _BALLAST
        try:
            with ballast.open("ab") as file:
                for piece in _PIECES:
                    _fill(file.fileno(), piece)
            yield
        finally:
            ballast.unlink()


def _fill(file: int, piece: int) -> None:
    while True:
        try:
            os.posix_fallocate(file, os.fstat(file).st_size, piece)
        except OSError:  # no room for a piece of this size: what the caller is after
            return


@contextmanager
def small_disks(folders: Sequence[Path]) -> Iterator[list[Disk]]:
    """Mount one on each folder, and take them away at the end. Raises NoDisks where that is not permitted."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        raise NoDisks("a small disk needs Linux, root and mount(8)")
    with ExitStack() as mounted:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            made = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MEBIBYTES}m", "tieout-chaos", str(folder)],
                capture_output=True,
                text=True,
                check=False,
            )
            if made.returncode != 0:
                raise NoDisks(f"this machine lets nobody mount: {made.stderr.strip()}")
            mounted.callback(_unmount, folder)
        yield [Disk(folder) for folder in folders]


def _unmount(folder: Path) -> None:
    # Lazily: a process that is just ending may still have a file open.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)

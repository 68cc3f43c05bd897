"""A small disk has no room while it is full, and has it again afterwards."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.chaos.disk import NoDisks, small_disks


def test_a_full_disk_takes_nothing_and_keeps_what_it_has(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    try:
        with small_disks([folder]) as (disk,):
            (folder / "kept").write_text("kept")
            with disk.full(), pytest.raises(OSError, match="No space left") as refused:
                (folder / "more").write_text("more")
            assert refused.value.errno == errno.ENOSPC
            (folder / "more").write_text("more")
            assert (folder / "kept").read_text() == "kept"
    except NoDisks as reason:
        pytest.skip(str(reason))
    assert list(folder.iterdir()) == [], "the disk is taken away"

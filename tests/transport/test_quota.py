"""A file that may not grow is to the store what a full disk is, on every POSIX machine and without rights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.transport.test_stores import contents, new_tables, opened

PROGRAM = """
import pathlib, resource, sys
from tests.transport.test_stores import new_tables, opened, put
tables = new_tables()
store = opened(pathlib.Path(sys.argv[1]), tables)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
for offset in range(1000):
    put(store, tables[0], {b"%04d-%04d" % (offset, n): offset for n in range(100)}, offset)
    print(offset, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX")
def test_a_write_that_fails_is_loud_and_leaves_values_and_offset_of_one_moment(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode != 0
    assert "StoreFailed" in ran.stderr
    assert "nothing is lost" in ran.stderr
    written = int(ran.stdout.split()[-1])
    assert 0 < written < 999
    tables = new_tables()
    store = opened(tmp_path, tables)
    offset = store.offset(tables[0])
    assert 0 <= offset <= written
    expected = {b"%04d-%04d" % (before, n): before for before in range(offset + 1) for n in range(100)}
    found = contents(store)["a"]
    assert found[0] == expected  # type: ignore[index]
    store.release()


NO_ROOM_AT_ALL = """
import pathlib, resource, sys
from tests.transport.test_stores import new_tables, opened
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
opened(pathlib.Path(sys.argv[1]), new_tables())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX")
def test_a_store_that_finds_no_room_when_it_is_opened_says_so(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", NO_ROOM_AT_ALL, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode != 0
    assert "StoreFailed" in ran.stderr
    assert "nothing is lost" in ran.stderr

"""Millions of contracts take bounded memory: the short form of `tests/bench/store_memory.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.infra.component import REPOSITORY


def test_contracts_on_disk_are_read_back_and_take_little_memory(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.bench.store_memory", "--contracts", "50000", "--folder", str(tmp_path)]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=120, check=True, cwd=REPOSITORY)
    found = json.loads(ran.stdout)
    assert found["contracts"] == 50_000
    assert found["resident_mib"] < 500
    assert list(tmp_path.iterdir()) == []

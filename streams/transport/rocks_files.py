"""The folder of a store on disk: its lock, opening and dropping the database in it, and reading RocksDB's errors.

Knows RocksDB and files; knows nothing of tables or changelogs.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import rocksdict

from streams.transport.errors import StoreDamaged, StoreFailed, StoreLocked

if sys.platform != "win32":
    import fcntl

_LOCK_POLL_SECONDS = 0.1
_OPERATORS = (
    "No space left",
    "Disk quota exceeded",
    "File too large",
    "Permission denied",
    "Read-only file system",
    "Too many open files",
    "Cannot allocate memory",
)
_DAMAGED = "damaged"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def machine_start() -> str | None:
    """Which start of this machine this is; None where the system does not tell."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory that all stores of a process share: one cache of blocks, in which write buffers are counted too."""

    cache: rocksdict.Cache
    buffers: rocksdict.WriteBufferManager

    @classmethod
    def of(cls, cache_bytes: int, buffer_bytes: int) -> Memory:
        cache = rocksdict.Cache(cache_bytes)
        manager = rocksdict.WriteBufferManager.new_write_buffer_manager_with_cache(buffer_bytes, False, cache)
        return cls(cache, manager)


class DatabaseUnusable(Exception):
    """The database cannot be opened or read, and making it anew would help."""


class Folder:
    """One partition's folder, owned by at most one process at a time."""

    def __init__(self, path: Path, memory: Memory) -> None:
        self.path = path
        self._memory = memory
        self._lock: IO[str] | None = None
        self.had_several_logs = False
        """Whether it was left, at the time it was opened, in the middle of changing to a new write-ahead log."""

    def lock(self, timeout: float) -> None:
        """Own the folder; an owner that is just leaving is waited for. Raises StoreLocked after `timeout` seconds."""
        if self._lock is not None or sys.platform == "win32":
            return
        with self._explained("be locked"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.with_suffix(".lock").open("a+", encoding="ascii")
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    file.seek(0)
                    owner = file.read().strip() or "unknown"
                    file.close()
                    raise StoreLocked(
                        f"{self.path} is in use by the process {owner}, and was not given up within {timeout:g} s; "
                        "stop that process, or give each worker on this machine a data folder of its own"
                    ) from None
                time.sleep(_LOCK_POLL_SECONDS)
            else:
                break
        self._lock = file
        with self._explained("be locked"):
            file.truncate(0)
            os.write(file.fileno(), str(os.getpid()).encode())

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def open(self) -> rocksdict.Rdict:
        """Open the database, or make an empty one. Raises DatabaseUnusable, StoreFailed."""
        try:
            told = (self.path / _DAMAGED).read_text(encoding="utf-8")
        except FileNotFoundError:
            pass
        else:
            raise DatabaseUnusable(told)
        with self._explained("be made"):
            self.path.mkdir(parents=True, exist_ok=True)
        self.had_several_logs = len(list(self.path.glob("*.log"))) > 1
        try:
            return rocksdict.Rdict(str(self.path), self._options())
        except Exception as error:
            self._raise_if_operators(error, "be opened")
            raise DatabaseUnusable(f"it cannot be opened: {error}") from error

    def drop(self) -> None:
        """Remove the database; the lock stays."""
        if self.path.exists():
            with self._explained("be removed"):
                shutil.rmtree(self.path)

    def failure(self, error: Exception, step: str) -> StoreFailed:
        """Explain an error in the middle of work. One that a new database would mend is noted for the next start."""
        if not any(text in str(error) for text in _OPERATORS) and "Corruption" in str(error):
            try:
                (self.path / _DAMAGED).write_text(f"it was found damaged: {error}", encoding="utf-8")
            except OSError as unnoted:
                remedy = f"remove the folder before the restart: the damage could not be noted in it ({unnoted})"
            else:
                remedy = "it is made again from its changelogs on restart"
            return StoreDamaged(f"{self.path} cannot {step}: {error}; {remedy}")
        return self._told(error, step)

    @contextmanager
    def _explained(self, step: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._told(error, step) from error

    def _raise_if_operators(self, error: Exception, step: str) -> None:
        if any(text in str(error) for text in _OPERATORS):
            raise self._told(error, step) from error

    def _told(self, error: Exception, step: str) -> StoreFailed:
        return StoreFailed(
            f"{self.path} cannot {step}: {error}; nothing is lost: what is committed is in Kafka, and the store "
            "catches up on restart. Check the disk's space and permissions"
        )

    def _options(self) -> rocksdict.Options:
        blocks = rocksdict.BlockBasedOptions()
        blocks.set_block_cache(self._memory.cache)
        blocks.set_cache_index_and_filter_blocks(True)
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
        blocks.set_bloom_filter(10, False)
        blocks.set_block_size(16 * 1024)
        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(blocks)
        options.set_write_buffer_manager(self._memory.buffers)
        options.set_write_buffer_size(16 * 1024 * 1024)
        options.set_max_write_buffer_number(3)
        options.set_target_file_size_base(32 * 1024 * 1024)
        options.set_max_bytes_for_level_base(128 * 1024 * 1024)
        options.set_level_compaction_dynamic_level_bytes(True)
        options.set_compression_type(rocksdict.DBCompressionType.lz4())
        options.set_bottommost_compression_type(rocksdict.DBCompressionType.zstd())
        options.set_max_open_files(256)
        options.set_max_background_jobs(2)
        options.set_keep_log_file_num(2)
        options.set_max_log_file_size(4 * 1024 * 1024)
        # Of a write-ahead log that was cut off, what lies before the cut is used: whole batches with their offsets.
        options.set_wal_recovery_mode(rocksdict.DBRecoveryMode.point_in_time())
        return options

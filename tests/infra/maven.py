"""Servers that are published as jars: fetched by Maven once, then found in the cache.

Run as `python -m tests.infra.maven` to fetch them ahead of the tests.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.infra.component import ComponentMissingError, cache_dir, java, program

_POM = Path(__file__).with_name("pom.xml")
_MAVEN_SECONDS = 540
_MAVEN_ATTEMPTS = 3
_NS = {"m": "http://maven.apache.org/POM/4.0.0"}


class FetchFailedError(RuntimeError):
    """Maven is there but could not fetch a server. The message ends with what Maven said."""


def kafka_classpath() -> str:
    """The Java classpath of Apache Kafka with its command line tools."""
    return str(_fetched("kafka", "copy-dependencies", _property("kafka.version")) / "*")


def apicurio_home() -> Path:
    """The folder of Apicurio Registry's own jars, one of them the runner."""
    return _fetched("apicurio", "unpack", _property("apicurio.version"))


def _property(name: str) -> str:
    found = ET.parse(_POM).findtext(f"m:properties/m:{name}", namespaces=_NS)
    if not found:
        raise FetchFailedError(f"{_POM} has no property {name}")
    return found


def _fetched(name: str, goal: str, version: str) -> Path:
    """The folder `name-version` in the cache, filled by one Maven goal if it is not there yet."""
    home = cache_dir() / f"{name}-{version}"
    if home.is_dir():
        return home
    java()
    maven = program("mvn", component="Maven", install="apt-get install maven")
    with _one_fetch_at_a_time(cache_dir()):
        if home.is_dir():
            return home
        partial = home.with_name(f"{home.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        plugin = f"org.apache.maven.plugins:maven-dependency-plugin:{_property('dependency.plugin.version')}"
        command = [str(maven), "-B", "-ntp", "-q", "-f", str(_POM), f"{plugin}:{goal}@{name}"]
        _run_maven([*command, f"-Dinfra.output={partial}"], name)
        if not any(partial.glob("*.jar")):
            raise FetchFailedError(
                f"Maven said it fetched {name}, but {partial} holds no jar; run again: {' '.join(command)}"
            )
        # Only a whole fetch gets the final name, so that an interrupted one is done again.
        os.replace(partial, home)
    return home


def _run_maven(command: list[str], name: str) -> None:
    said = ""
    for attempt in range(1, _MAVEN_ATTEMPTS + 1):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_MAVEN_SECONDS, check=False)
        except subprocess.TimeoutExpired as late:
            raise FetchFailedError(
                f"Maven did not fetch {name} within {_MAVEN_SECONDS} s: {' '.join(command)}"
            ) from late
        if done.returncode == 0:
            return
        said = (done.stdout + done.stderr).strip()
        print(f"Maven could not fetch {name}, attempt {attempt} of {_MAVEN_ATTEMPTS}", file=sys.stderr)
    raise FetchFailedError(f"Maven could not fetch {name}; check the network and Maven's settings. It said:\n{said}")


@contextmanager
def _one_fetch_at_a_time(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Fetch every server that comes as jars; a missing Java or Maven is told, not an error."""
    started = time.monotonic()
    try:
        for where in (kafka_classpath().removesuffix("/*"), str(apicurio_home())):
            print(f"  {where}")
    except ComponentMissingError as missing:
        print(f"  tests on real Kafka will be skipped: {missing}")
        return 0
    except FetchFailedError as failed:
        print(failed, file=sys.stderr)
        return 1
    print(f"  in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

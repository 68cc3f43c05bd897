"""What the peers need: virtual environments for those that cannot live beside tieout's dependencies, and Java's jars.

Versions are pinned: a benchmark names what it measured.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from tests.infra.component import ComponentMissingError, cache_dir, java, program

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
_JAVA_SOURCES = Path(__file__).with_name("java")
_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


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
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        raise EnvironmentMissing(f"{command[0]} did not finish within {_INSTALL_SECONDS:.0f} s") from late
    if done.returncode != 0:
        last = ((done.stdout + done.stderr).strip().splitlines() or ["it said nothing"])[-1]
        version = ".".join(map(str, sys.version_info[:2]))
        raise EnvironmentMissing(f"{Path(command[0]).name} failed (Python {version}): {last}")


def java_command() -> list[str]:
    """How the Kafka Streams row is started; fetches its jars and compiles it when that was not done yet."""
    pom, source = _JAVA_SOURCES / "pom.xml", _JAVA_SOURCES / "Orchestration.java"
    digest = hashlib.sha256(pom.read_bytes() + source.read_bytes()).hexdigest()[:12]
    home = cache_dir() / f"bench-java-{digest}"
    try:
        if not home.is_dir():
            partial = home.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            maven = program("mvn", component="Maven", install="apt-get install maven")
            _run([str(maven), "-B", "-ntp", "-q", "-f", str(pom), _DEPENDENCIES, f"-DoutputDirectory={partial}"])
            compiler = program("javac", component="A Java compiler", install="apt-get install default-jdk-headless")
            _run([str(compiler), "-cp", f"{partial}/*", "-d", str(partial), str(source)])
            os.replace(partial, home)
        return [str(java()), "-Xmx1g", "-cp", f"{home}{os.pathsep}{home}/*", "Orchestration"]
    except ComponentMissingError as missing:
        raise EnvironmentMissing(str(missing)) from missing

"""What was released before: `avro/` as it was at every git tag `v*`, or at HEAD while nothing has been released.

Knows git; knows nothing of compatibility.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from streams.codec.schemas import Schema, definitions_of

_SECONDS = 60


class ReleasesUnreadable(Exception):
    """Git cannot tell what was released; the message says why and what to do."""


def released_schemas(repo: Path) -> list[tuple[str, dict[str, Schema]]]:
    """Return (tag, definitions) of every release, oldest first; (`HEAD`, definitions) when there is no release.

    Raises ReleasesUnreadable.
    """
    tags = _git(repo, "tag", "--list", "v*", "--sort=v:refname").decode().split()
    releases = [(tag, definitions) for tag in tags if (definitions := _definitions_at(repo, tag))]
    if releases:
        return releases
    head = _definitions_at(repo, "HEAD")
    return [("HEAD", head)] if head else []


def _definitions_at(repo: Path, revision: str) -> dict[str, Schema]:
    if not _git(repo, "ls-tree", revision, "avro"):
        return {}
    texts = {}
    with tarfile.open(fileobj=io.BytesIO(_git(repo, "archive", "--format=tar", revision, "avro"))) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() and member.name.endswith(".avsc") else None
            if content is not None:
                texts[Path(member.name).name] = content.read().decode("utf-8")
    return definitions_of(texts)


def _git(repo: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(repo), *arguments], capture_output=True, timeout=_SECONDS, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired) as fault:
        raise ReleasesUnreadable(f"git cannot be run: {fault}; install git to compare schemas with releases") from fault
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise ReleasesUnreadable(
            f"git {' '.join(arguments)} in {repo} failed: {said}; run it in a clone of the project with its tags"
        )
    return done.stdout

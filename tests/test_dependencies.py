"""Every dependency has its reason in docs/dependencies.md, and no reason outlives its dependency."""

from __future__ import annotations

import re
import tomllib

from tests.infra.component import REPOSITORY


def _declared() -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [name for group in project["optional-dependencies"].values() for name in group]
    names = {re.split(r"[\[<>=!~; ]", each, maxsplit=1)[0] for each in [*project["dependencies"], *extras]}
    return names - {project["name"]}


def _explained() -> set[str]:
    page = (REPOSITORY / "docs" / "dependencies.md").read_text(encoding="utf-8")
    from_pypi = page.split("## Not from PyPI")[0]
    rows = re.findall(r"^\| ([A-Za-z0-9_.-]+) \|", from_pypi, flags=re.MULTILINE)
    return set(rows) - {"package"}


def test_every_dependency_has_its_reason() -> None:
    assert _declared() == _explained()

"""Read a YAML file without YAML's surprises, and remember the line of every key.

Every scalar is text, except true, false and null: `NO` stays Norway, `0400` stays an account number, and 0.01 never
passes through a float. The models make numbers and dates of the text. A key given twice is a problem, not a winner.
Must not know what the files mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from streams.config.errors import Problem

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The content of a file: `content` is the top-level mapping, `lines` the line of every key, from 1."""

    path: Path
    content: Mapping[str, object]
    lines: Mapping[KeyPath, int]

    def problem(self, path: KeyPath, found: str, expected: str, remedy: str) -> Problem:
        """Return a problem at a key, naming the nearest line that the file has for it."""
        known = next((path[:end] for end in range(len(path), 0, -1) if path[:end] in self.lines), ())
        where = f"{self.path}:{self.lines[known]}" if known else str(self.path)
        return Problem(where, ".".join(map(str, path)), found, expected, remedy)


def read_yaml(path: Path) -> YamlFile | list[Problem]:
    """Read a file whose top level is a mapping; the problems when it cannot be read. An empty file is empty."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        return [Problem(str(path), "", str(error.strerror), "a readable file", "Create it; config/ ships an example.")]
    except UnicodeDecodeError as error:
        return [Problem(str(path), "", f"bytes that are no UTF-8 ({error.reason})", "UTF-8 text", "Save it as UTF-8.")]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        found = str(getattr(error, "problem", None) or error)
        return [Problem(where, "", found, "valid YAML", "Check the indentation and the quotes at that line.")]
    if root is None:
        return YamlFile(path, {}, {})
    reader = _Reader(path)
    content = reader.value(root, ())
    if not isinstance(content, dict):
        reader.problems.append(
            Problem(f"{path}:1", "", f"a {_kind(root)}", "a mapping of keys to values", "Compare it with config/.")
        )
        return reader.problems
    return reader.problems or YamlFile(path, content, reader.lines)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "list"
    return "mapping" if isinstance(node, yaml.MappingNode) else "single value"


class _Reader:
    """Turns composed nodes into plain values, collecting lines and problems."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[yaml.Node] = []
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, at: KeyPath) -> object:
        if any(node is outer for outer in self._open):
            self._add(node, at, "an alias to what contains it", "no alias", "Write the value out.")
            return None
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, at)
            if isinstance(node, yaml.SequenceNode):
                for index, item in enumerate(node.value):
                    self.lines[(*at, index)] = item.start_mark.line + 1
                return [self.value(item, (*at, index)) for index, item in enumerate(node.value)]
            text = str(node.value)
            return (
                text
                if isinstance(node, yaml.ScalarNode) and node.style in ("'", '"', "|", ">")
                else _PLAIN.get(text, text)
            )
        finally:
            self._open.pop()

    def _mapping(self, node: yaml.MappingNode, at: KeyPath) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._add(
                    key_node, at, f"a {_kind(key_node)} as a key", "text as a key", "Write a name before the colon."
                )
                continue
            key = str(key_node.value)
            if key in result:
                first = self.lines[(*at, key)]
                remedy = f"Remove one; the first is on line {first}."
                self._add(key_node, (*at, key), "the key a second time", "every key once", remedy)
                continue
            self.lines[(*at, key)] = key_node.start_mark.line + 1
            result[key] = self.value(value_node, (*at, key))
        return result

    def _add(self, node: yaml.Node, at: KeyPath, found: str, expected: str, remedy: str) -> None:
        where = f"{self._path}:{node.start_mark.line + 1}"
        self.problems.append(Problem(where, ".".join(map(str, at)), found, expected, remedy))


_PLAIN: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}

"""Lists of ids in parts: a statement or a request takes so many at once. Knows no system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

_T = TypeVar("_T")


def chunks(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Return the values in lists of `size`, the last one shorter; none is empty."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk

"""The compiled codec where it was built, nothing where it was not: the one place that knows the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from streams.codec.schemas import Schema

T = TypeVar("T", bound=msgspec.Struct)


class NativeCodec(Protocol[T]):
    """Codes well-formed records and refuses all others with None: the twins in Python then decide and explain."""

    def decode(self, payload: bytes, start: int, /) -> T | None:
        """Return the record that fills the payload from `start` to its end."""

    def encode(self, header: bytes, record: T, /) -> bytes | None:
        """Return the header and, after it, the record's body."""


if TYPE_CHECKING:
    BUILT: bool

    def native_codec(record: type[T], schema: Schema) -> NativeCodec[T] | None:
        """Return the compiled codec of a record class; None where it was not built."""

else:
    try:
        from streams.codec._native import NativeCodec as native_codec  # noqa: N813

        BUILT = True
    except ImportError:
        BUILT = False

        def native_codec(record, schema):  # noqa: ARG001 - the signature of what was not built
            return None

"""A consumer group's membership in the form librdkafka takes for `send_offsets_to_transaction`.

Faust's consumer (aiokafka) is the group's member and librdkafka is the producer, so the membership has to cross
from one library to the other. confluent-kafka hands it around as the bytes that
`rd_kafka_consumer_group_metadata_write` makes; this module writes the same bytes, and `tests/transport` holds it
against librdkafka's own.
"""

from __future__ import annotations

import struct

_MAGIC = b"CGMDv2:"


def group_metadata(group_id: str, generation: int, member_id: str, group_instance_id: str | None = None) -> bytes:
    """The membership that lets a transaction commit offsets only while this member still owns its partitions.

    The broker refuses the offsets, and so the transaction, when the group has moved on to another generation
    (KIP-447).
    """
    instance = b"\x01" if group_instance_id is None else b"\x00" + group_instance_id.encode() + b"\x00"
    return (
        _MAGIC + struct.pack("=i", generation) + group_id.encode() + b"\x00" + member_id.encode() + b"\x00" + instance
    )

"""The partition of a key, as every producer chooses it that keys as Kafka's own do. Knows no topic."""

from __future__ import annotations

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key as Java's default partitioner and librdkafka's murmur2_random choose it."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions

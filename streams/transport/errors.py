"""Why a stage stops. Every one of these ends the worker with a non-zero exit: the supervisor restarts it."""

from __future__ import annotations


class TransportError(Exception):
    """Base of everything this package raises on its own account."""


class SettingsError(TransportError):
    """A setting or declaration that cannot work; the message names it."""


class TopicsNotReady(TransportError):
    """Topics are missing or their partition counts do not fit together."""


class StoreFailed(TransportError):
    """A store cannot be read or written. Nothing is lost: what is committed is in Kafka."""


class StoreDamaged(StoreFailed):
    """A store's files do not hold what was written to them; it is made again from its changelogs."""


class StoreLocked(StoreFailed):
    """A store is in use by another process."""


class RecoveryFailed(TransportError):
    """A changelog could not be read to its end."""


class CommitFailed(TransportError):
    """A transaction was not committed: neither outputs, state nor input offsets of its batch took effect."""


class CommitUnanswered(TransportError):
    """A commit has not come back within its bound: it took effect or not, and only the broker knows."""


class OwnershipLost(CommitFailed):
    """Another worker has taken over this partition; this one must not go on."""


class PartitionGivenUp(TransportError):
    """A batch that was held is left to the partition's next owner; unlike the others it ends no worker."""


class StageFailed(TransportError):
    """A stage stopped by itself; the cause is chained."""

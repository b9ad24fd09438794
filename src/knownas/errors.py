"""Errors by fault: the record's, the world's, ours.

A record's fault never raises past the record: it becomes a `nouns.Rejection`. What is here is for the other two.
"""


class KnownasError(Exception):
    """The root of every error knownas raises on purpose."""


class WorldFault(KnownasError):
    """Kafka or the store is away or refused an operation that may succeed later: wait with backoff and start over."""


class Refused(KnownasError):
    """The store refused a load or a commit: the partition is not ours any more, or was taken anew."""


class CannotStart(KnownasError):
    """The set-up does not allow to go on without risking results. The message says what to do; the process ends."""


class StoreLostWrites(CannotStart):
    """The store holds less than it acknowledged: it was restored or failed over. Only an operator may go on."""


class NotDrained(KnownasError):
    """Told to stop, the worker did not finish in time. What it held is repeated by whoever takes over."""


class WrongInput(KnownasError):
    """What somebody typed or sent cannot be acted on; the message says what is wanted, one line a problem."""

"""What can go wrong on the way from drone to people, as errors that a person can act on."""

from __future__ import annotations

from flight.errors import EmberwatchError


class UplinkError(EmberwatchError):
    """The drone's side of the wire is set up wrongly: address, key or key file."""


class OutboxError(UplinkError):
    """The outbox could not keep or read something."""


class OutboxFullError(OutboxError):
    """The disk has no room left, even after the waiting media were dropped."""


class StationError(EmberwatchError):
    """The station cannot start or go on: port, data folder, key or secret files."""


class StoreError(StationError):
    """The station's database could not be read or written."""


class UnknownNameError(StationError):
    """There is no user, token or drone's key of this name."""


class NotPossibleError(StationError):
    """What is asked for cannot be as things stand: a name is taken, or nobody would be left who may."""

"""MAVLink 2 signing: who may speak on a link.

Format and rules: https://mavlink.io/en/guide/message_signing.html. Incoming packets are checked here and
not by pymavlink, whose ``check_signature`` stores a stream's timestamp *before* it verifies the hash: one
packet with a wrong key and a far-future timestamp shuts out every valid packet after it (flight rule 27).
Here the hash comes first, and only what is genuine moves any clock.

The timestamp we sign with is kept on the disk and only ever goes forward: a Raspberry Pi has no clock at
boot, and a timestamp that went back looks like "connects but no command works" (rule 28). It also follows
every genuine packet that is ahead of ours. What is kept is ahead of what was signed, so that the disk has
time to take it while packets go on.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from flight.errors import EmberwatchError
from flight.signing_clock import ClockFile

KEY_BYTES = 32
LEAST_PASSPHRASE = 12
UNITS_PER_S = 100_000  # timestamps count 10 µs …
EPOCH_UNIX_S = 1_420_070_400  # … since 2015-01-01 00:00 UTC
NEW_STREAM_UNITS = 60 * UNITS_PER_S  # a stream's first packet may be this much behind us
# What is kept is this far ahead of what was signed, and a start goes on from there. It is short because
# somebody whose clock is more than a minute behind ours is refused: an agent that starts over and over must
# not run away from the others. Half of it is the disk's time to take the next.
KEEP_AHEAD_UNITS = 2 * UNITS_PER_S
MOST_STREAMS = 64
# 48 bits last until 2104. A clock that was led close to their end could go no further forward.
LATEST_UNITS = 2**48 - 365 * 86_400 * UNITS_PER_S

_SIGNATURE_BYTES = 13  # link id, 6 of timestamp, 6 of hash
_SIGNED = 0x01  # of the incompatibility flags
_V2 = 0xFD
_RADIO_STATUS = 109  # made by the telemetry radio itself, which has no key


class SigningError(EmberwatchError):
    """A signing key cannot be used."""


class Verdict(Enum):
    """What is to be done with a packet."""

    GENUINE = "genuine"
    UNSIGNED = "not signed"
    WRONG_KEY = "signed with another key"
    REPLAYED = "not newer than what its sender sent before"
    STALE = "the first of its sender, and more than a minute old"
    FUTURE = "dated close to the end of all timestamps"


def read_key(path: Path) -> bytes:
    """The key in this file: 64 hexadecimal digits. Raises SigningError."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SigningError(
            f"the signing key {path} cannot be read: {getattr(error, 'strerror', None) or 'not text'}",
            hint="Make one with: emberwatch signing new FILE",
        ) from error
    if mode & 0o077:
        raise SigningError(f"other users can read the signing key {path}", hint=f"Run: chmod 600 {path}")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SigningError(
            f"{path} holds no signing key: {2 * KEY_BYTES} hexadecimal digits are one",
            hint="Make one with: emberwatch signing new FILE",
        )
    return key


def make_key(path: Path, passphrase: str | None = None) -> None:
    """Write a key that only this user can read: a random one, or the one that ground stations make of a
    passphrase (its SHA-256, as MAVProxy's and pymavlink's ``passphrase_to_key``).

    Raises SigningError; never replaces a file."""
    if passphrase is not None and len(passphrase) < LEAST_PASSPHRASE:
        raise SigningError(
            f"a passphrase of {len(passphrase)} characters can be guessed",
            hint=f"Take {LEAST_PASSPHRASE} or more, or a random key.",
        )
    key = (
        secrets.token_bytes(KEY_BYTES) if passphrase is None else hashlib.sha256(passphrase.encode()).digest()
    )
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise SigningError(f"{path} is there already", hint="Choose another name, or remove it.") from error
    except OSError as error:
        raise SigningError(f"{path} cannot be written: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")


def steady_utc() -> Callable[[], float]:
    """Seconds since 1970 by the computer's clock as it is now, whoever sets it later: a timestamp that leapt
    ahead by a year would take the autopilot's along, and shut out a pilot's station that comes anew."""
    began_s = time.time() - time.monotonic()
    return lambda: began_s + time.monotonic()


def is_signed(packet: bytes) -> bool:
    """Whether this whole packet carries a signature, be it true or not."""
    return packet[0] == _V2 and bool(packet[2] & _SIGNED) and len(packet) >= 12 + _SIGNATURE_BYTES


def _message_id(packet: bytes) -> int:
    return int.from_bytes(packet[7:10], "little") if packet[0] == _V2 else packet[5]


class Signing:
    """The key and the clocks of one link. ``clock_file`` outlives the process; None keeps no clock."""

    def __init__(
        self,
        key: bytes,
        *,
        link_id: int,
        clock_file: Path | None,
        utc_s: Callable[[], float] | None = None,
    ) -> None:
        """``utc_s``: seconds since 1970; left out, by the computer's clock as it is now."""
        if len(key) != KEY_BYTES:
            raise SigningError(f"a signing key has {KEY_BYTES} bytes, not {len(key)}")
        self.key = key
        self.link_id = link_id
        self._clock_file = None if clock_file is None else ClockFile(clock_file)
        self._utc_s = utc_s or steady_utc()
        self._streams: dict[tuple[int, int, int], int] = {}
        kept = 0 if self._clock_file is None else min(LATEST_UNITS, self._clock_file.read())
        self._timestamp = max(self._utc_units(), kept)
        self._kept = self._timestamp + KEEP_AHEAD_UNITS
        if self._clock_file is not None:
            self._clock_file.write(self._kept)  # nothing is signed before the first is kept

    @property
    def timestamp(self) -> int:
        """The newest that this link has signed with or heard, in units of 10 µs since 2015."""
        return self._timestamp

    def next_timestamp(self) -> int:
        """For the next packet: later than all before it."""
        self._forward(max(self._timestamp + 1, self._utc_units()))
        return self._timestamp

    def verdict(self, packet: bytes) -> Verdict:
        """Judge one whole packet of either MAVLink version. Only what is genuine is remembered."""
        if not is_signed(packet):
            return Verdict.GENUINE if _message_id(packet) == _RADIO_STATUS else Verdict.UNSIGNED
        expected = hashlib.sha256(self.key + packet[:-6]).digest()[:6]
        if not hmac.compare_digest(expected, packet[-6:]):
            return Verdict.WRONG_KEY
        timestamp = int.from_bytes(packet[-12:-6], "little")
        stream = (packet[-13], packet[5], packet[6])
        latest = self._streams.get(stream)
        if timestamp > LATEST_UNITS:
            return Verdict.FUTURE
        if latest is None:
            if timestamp + NEW_STREAM_UNITS < self._timestamp:
                return Verdict.STALE
            while len(self._streams) >= MOST_STREAMS:
                del self._streams[next(iter(self._streams))]
        elif timestamp <= latest:
            return Verdict.REPLAYED
        self._streams.pop(stream, None)  # the one that was silent longest is the first to be forgotten
        self._streams[stream] = timestamp
        self._forward(max(self._timestamp, timestamp))
        return Verdict.GENUINE

    def _forward(self, timestamp: int) -> None:
        self._timestamp = timestamp
        if self._kept - timestamp < KEEP_AHEAD_UNITS // 2:
            self._kept = timestamp + KEEP_AHEAD_UNITS
            if self._clock_file is not None:
                self._clock_file.keep(self._kept)

    def _utc_units(self) -> int:
        return min(LATEST_UNITS, max(0, int((self._utc_s() - EPOCH_UNIX_S) * UNITS_PER_S)))

"""Bytes to MAVLink messages and back.

This is the only module that imports pymavlink's dialect and touches its codec state (flight rule 29).
"""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from flight.signing import Signing

# pymavlink reads this when it is imported, and speaks MAVLink 1 without it (flight rule 29).
os.environ["MAVLINK20"] = "1"

from pymavlink.dialects.v20 import ardupilotmega as mavlink

if mavlink.WIRE_PROTOCOL_VERSION != "2.0":
    raise ImportError("pymavlink was loaded for MAVLink 1; flight.link must be imported before it")

__all__ = ["Codec", "Message", "mavlink"]

# pymavlink has no types: a message is whatever its dialect made, with the fields of its definition.
Message: TypeAlias = Any

_COMPACT_BYTES = 4096


class Codec:
    """For one stream of bytes. What it sends is signed where ``signing`` is given; what it hears is not
    checked here but by ``Signing.verdict``, message by message (flight rule 27)."""

    def __init__(self, system_id: int = 0, component_id: int = 0, signing: Signing | None = None) -> None:
        self._mavlink: Any = mavlink.MAVLink(None, srcSystem=system_id, srcComponent=component_id)
        self._mavlink.robust_parsing = True
        self._signing = signing
        if signing is not None:
            self._mavlink.signing.secret_key = signing.key
            self._mavlink.signing.link_id = signing.link_id
            self._mavlink.signing.sign_outgoing = True
        self.bad_data = 0

    def encode(self, message: Message) -> bytes:
        """Pack one message with the next sequence number."""
        if self._signing is not None:
            self._mavlink.signing.timestamp = self._signing.next_timestamp()
        data: bytes = message.pack(self._mavlink)
        self._mavlink.seq = (self._mavlink.seq + 1) % 256
        return data

    def decode(self, data: bytes) -> list[Message]:
        """Whole messages in these bytes and what was left of the last; bad data is counted and left out."""
        parsed = self._mavlink.parse_buffer(data) or []
        # pymavlink drops what it has read only when nothing is left over, which may be never.
        if self._mavlink.buf_index > _COMPACT_BYTES:
            del self._mavlink.buf[: self._mavlink.buf_index]
            self._mavlink.buf_index = 0
        messages = [message for message in parsed if message.get_type() != "BAD_DATA"]
        self.bad_data += len(parsed) - len(messages)
        return messages

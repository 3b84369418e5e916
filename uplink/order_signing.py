"""The station signs what it orders, and a drone obeys nobody else.

The signature (Ed25519) is over the very text that travels, which names the drone, the run of its agent, a
number and an end: nothing of it can be changed, given to another drone, or given again. The private half is
made in the station's data folder and never leaves it; the public half is one line that each drone has in a
file.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from uplink.errors import StationError, UplinkError
from uplink.messages import Order, SignedOrder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_FILE = "order.key"
PREFIX = "ed25519:"
# Before the text, so that this key's signature of anything else can never pass for an order.
_CONTEXT = b"emberwatch order 1\n"
PACKAGE_CONTEXT = b"emberwatch package 1\n"
_ORDER_FIELDS = set(Order.model_fields)


class StationKey:
    """The station's private key. ``open`` it in the data folder; it is made there if it is missing."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def open(cls, folder: Path) -> StationKey:
        """Raises ``StationError`` for a key that cannot be made or read."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path = folder / KEY_FILE
        try:
            if not path.exists():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _make(path)
            private = load_pem_private_key(path.read_bytes(), password=None)
        except OSError as reason:
            raise StationError(
                f"the key that orders are signed with cannot be used: {path} ({reason.strerror})",
                hint="Give data_dir a folder that belongs to this user.",
            ) from None
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise StationError(
                f"{path} is not the key that orders are signed with",
                hint="Put it back from a backup, or remove it: a new one is made, and drones must be told.",
            )
        return cls(private)

    @property
    def public(self) -> str:
        """The public half, as the one line that drones have."""
        return PREFIX + base64.b64encode(self._private.public_key().public_bytes_raw()).decode()

    def sign(self, order: Order) -> SignedOrder:
        """The order as it travels."""
        text = order.model_dump_json(include=_ORDER_FIELDS)
        signature = self._private.sign(_CONTEXT + text.encode())
        return SignedOrder(order=text, signature=base64.b64encode(signature).decode())

    def seal(self, manifest: bytes) -> str:
        """The signature of an evidence package's manifest; base64."""
        return base64.b64encode(self._private.sign(PACKAGE_CONTEXT + manifest)).decode()


class StationPublicKey:
    """What a drone knows its station by."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public

    @classmethod
    def parse(cls, line: str) -> StationPublicKey:
        """Raises ``ValueError`` for anything but the line that ``emberwatch station key`` prints."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        if not line.startswith(PREFIX):
            raise ValueError(f"it does not begin with {PREFIX}")
        try:
            raw = base64.b64decode(line.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raise ValueError("it is not base64") from None
        return cls(Ed25519PublicKey.from_public_bytes(raw))

    @classmethod
    def read(cls, path: Path) -> StationPublicKey:
        """Raises ``UplinkError`` when the file holds no such key."""
        hint = f"At the station: emberwatch station key -c FILE > {path.name}, and bring that file here."
        try:
            return cls.parse(path.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            raise UplinkError(f"the station's public key does not exist: {path}", hint=hint) from None
        except (OSError, ValueError) as reason:
            raise UplinkError(
                f"the station's public key cannot be read: {path} ({reason})", hint=hint
            ) from None

    def has_signed(self, signed: SignedOrder) -> bool:
        """Whether this station signed this very text."""
        return self._verifies(signed.signature, _CONTEXT + signed.order.encode())

    def has_sealed(self, manifest: bytes, signature: str) -> bool:
        """Whether this station made the package with this manifest."""
        return self._verifies(signature, PACKAGE_CONTEXT + manifest)

    @property
    def pem(self) -> str:
        """As other programs want it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def _verifies(self, signature: str, data: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self._public.verify(base64.b64decode(signature, validate=True), data)
        except (binascii.Error, ValueError, InvalidSignature):
            return False
        return True


def _make(path: Path) -> None:
    """Whole or not at all, readable by this user only; of two that make one at once, one wins."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(part)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

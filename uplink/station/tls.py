"""The certificate that a station shows, looked at before anybody connects."""

from __future__ import annotations

import ssl
from pathlib import Path

from uplink.errors import StationError


def check_certificate(cert_file: Path, key_file: Path) -> None:
    """Raises ``StationError`` unless the two can be served with."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, password=_no_password)
    except (OSError, ValueError) as reason:  # an SSLError is an OSError
        words = (isinstance(reason, OSError) and reason.strerror) or reason
        raise StationError(
            f"{cert_file} and {key_file} are no certificate and its key: {words}",
            hint="Both are PEM files that this user can read, the key without a passphrase.",
        ) from None


def _no_password() -> str:
    raise ValueError("the key has a passphrase")  # instead of asking for it on a terminal

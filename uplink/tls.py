"""Whom the drone takes for its station: who has a certificate of a known authority, or of the one that the
configuration names."""

from __future__ import annotations

import ssl
from pathlib import Path

from uplink.errors import UplinkError


def trusting(ca_file: Path | None) -> ssl.SSLContext | None:
    """What trusts the authorities in a PEM file and nobody else; None for the usual ones.

    Raises ``UplinkError`` where there are none in it.
    """
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as reason:
        raise UplinkError(
            f"no certificate can be read from {ca_file}: {reason}",
            hint="station_ca_file holds the certificate of the station, or of who signed it, as PEM.",
        ) from None

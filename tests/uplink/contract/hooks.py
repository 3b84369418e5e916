"""What Schemathesis does not know by itself: media types that are bytes."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/partial-upload")  # type: ignore[untyped-decorator,unused-ignore]
def piece(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """As it is."""
    return value if isinstance(value, bytes) else str(value).encode()

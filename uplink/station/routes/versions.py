"""Who changes something says which version of it they saw: nobody overwrites what they have not seen."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Header, HTTPException, Response

from uplink.station.answers import Problem

NO_VERSION: dict[int | str, dict[str, Any]] = {
    428: {"model": Problem, "description": "If-Match is missing: the version that you saw"}
}


def _seen_version(
    if_match: Annotated[
        str | None,
        Header(
            description='the version that you saw, as in `"3"`, or `*` for whichever',
            pattern=r'^(\*|"\d{1,9}")$',
        ),
    ] = None,
) -> int | None:
    """None: whichever; 428 without the header."""
    if if_match is None:
        raise HTTPException(428, 'say which version you saw: If-Match: "<version>"')
    return None if if_match == "*" else int(if_match.strip('"'))


SeenVersion = Annotated[int | None, Depends(_seen_version)]


def tag(response: Response, version: int) -> None:
    """Tells which version the answer is of."""
    response.headers["ETag"] = f'"{version}"'

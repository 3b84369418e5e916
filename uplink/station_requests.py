"""One request to the station: sent in bounded time, judged, and told to the link."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from uplink.errors import UplinkError
from uplink.link import StationLink
from uplink.verdict import Verdict, judge, retry_after_s

REQUEST_TIMEOUT = httpx.Timeout(10.0, connect=5.0)  # of each read, write and wait
WHOLE_REQUEST_TIMEOUT_S = 120.0  # of all of them together: a piece of a picture at 20 kbit/s
NOT_A_STATION = "what answers there is not an Emberwatch station"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request. Without an answer there is neither status nor header."""

    verdict: Verdict
    reason: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    retry_after_s: float = 0.0


class StationRequests:
    """Paths are below ``/api/v1``. ``on_back`` is called when the station answers again after a loss."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        link: StationLink,
        clock: Callable[[], float],
        on_back: Callable[[], None],
    ) -> None:
        self._http = http
        self._link = link
        self._clock = clock
        self._on_back = on_back

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str],
        is_receipt: Callable[[httpx.Response], bool] | None = None,
        is_media: bool = False,
    ) -> Reply:
        """Sends and judges. ``is_receipt`` tells the station's own answer from a captive portal's 200.

        Too many pictures hold up pictures only; too many of anything else, everything.
        """
        try:
            async with asyncio.timeout(WHOLE_REQUEST_TIMEOUT_S):
                answer = await self._http.request(
                    method, f"/api/v1{path}", content=body, headers=dict(headers)
                )
        except (httpx.HTTPError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            self._link.lost(self._clock(), reason)
            return Reply(Verdict.OUT_OF_REACH, reason)
        verdict, reason = judge(answer.status_code), f"HTTP {answer.status_code}{_detail(answer)}"
        if verdict is Verdict.DELIVERED and is_receipt is not None and not is_receipt(answer):
            verdict, reason = Verdict.OUT_OF_REACH, NOT_A_STATION
        if verdict is Verdict.TOO_OFTEN and not is_media:
            verdict = Verdict.OUT_OF_REACH
        wait_s = retry_after_s(answer.headers)
        if verdict is Verdict.OUT_OF_REACH:
            self._link.lost(self._clock(), reason, at_least_s=wait_s)
        elif self._link.reached(self._clock()):
            self._on_back()
        return Reply(verdict, reason, answer.status_code, answer.headers, answer.content, wait_s)


def station_http(station_url: str, key: str, tls: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """What the requests are made with. Raises ``UplinkError`` for an address that is none."""
    return httpx.AsyncClient(
        base_url=checked(station_url),
        headers={"Authorization": f"Bearer {key}"},
        timeout=REQUEST_TIMEOUT,
        verify=tls or True,
        follow_redirects=False,
        trust_env=False,  # a proxy or netrc of the environment has no say on the drone's link
    )


def checked(station_url: str) -> str:
    """The address without a slash at its end. Raises ``UplinkError`` for one that is none."""
    try:
        url = httpx.URL(station_url)
        usable = url.scheme in ("http", "https") and bool(url.host)
    except httpx.InvalidURL:
        usable = False
    if not usable:
        raise UplinkError(
            f"the station's address is not usable: {station_url!r}",
            hint="Give it as in http://192.168.1.10:8420",
        )
    return station_url.rstrip("/")


def _detail(answer: httpx.Response) -> str:
    """The station's own words on a refusal, in short; nothing when there are none."""
    if answer.is_success:
        return ""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {detail if isinstance(detail, str) else json.dumps(detail)}"[:300]

"""The words of CAP messages, in the languages that the page speaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from uplink.station.incident import Incident, IncidentState


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    event: dict[str, str]
    restriction: str
    closed: dict[IncidentState, str]
    moved: str
    headline: Callable[[Incident, str], str]
    description: Callable[[Incident], str]
    place: Callable[[Incident, str], str]


def _headline_en(incident: Incident, area: str) -> str:
    what = {"fire": "Fire", "smoke": "Smoke"}[incident.label]
    sure = "confirmed by a person" if incident.confirmed_by else "found by a camera, not yet confirmed"
    return f"{what} {sure}{f': {area}' if area else ''}"


def _headline_zh(incident: Incident, area: str) -> str:
    what = {"fire": "火情", "smoke": "烟雾"}[incident.label]
    sure = "已由人员确认" if incident.confirmed_by else "由摄像机发现，尚未确认"
    return f"{f'{area}：' if area else ''}{what}，{sure}"


def _description_en(incident: Incident) -> str:
    seen = incident.first_seen_at.astimezone(UTC)
    last = incident.last_seen_at.astimezone(UTC)
    words = [
        f"First seen {seen:%Y-%m-%d %H:%M:%S} UTC, last seen {last:%Y-%m-%d %H:%M:%S} UTC.",
        f"Probability {incident.probability:.0%}.",
    ]
    if incident.area_m2 is not None:
        words.append(f"Burning area at least {incident.area_m2:.0f} m².")
    if incident.growth_m2_per_min is not None:
        words.append(f"Growth {incident.growth_m2_per_min:+.0f} m² per minute.")
    return " ".join(words)


def _description_zh(incident: Incident) -> str:
    seen = incident.first_seen_at.astimezone(UTC)
    last = incident.last_seen_at.astimezone(UTC)
    words = [
        f"首次发现 {seen:%Y-%m-%d %H:%M:%S} UTC，最近发现 {last:%Y-%m-%d %H:%M:%S} UTC。",
        f"概率 {incident.probability:.0%}。",
    ]
    if incident.area_m2 is not None:
        words.append(f"燃烧面积至少 {incident.area_m2:.0f} 平方米。")
    if incident.growth_m2_per_min is not None:
        words.append(f"每分钟变化 {incident.growth_m2_per_min:+.0f} 平方米。")
    return "".join(words)


def _place_en(incident: Incident, area: str) -> str:
    position, ellipse = incident.position, incident.ellipse
    if position is None:
        where = "the place is not known yet, only a direction"
    else:
        off = f", at most {ellipse.semi_major_m:.0f} m off ({ellipse.confidence:.0%})" if ellipse else ""
        where = f"{position.lat_deg:.5f}, {position.lon_deg:.5f} (WGS 84){off}"
    return f"{area}: {where}" if area else where


def _place_zh(incident: Incident, area: str) -> str:
    position, ellipse = incident.position, incident.ellipse
    if position is None:
        where = "位置尚不明确，只知道方向"
    else:
        off = f"，误差不超过 {ellipse.semi_major_m:.0f} 米（{ellipse.confidence:.0%}）" if ellipse else ""
        where = f"{position.lat_deg:.5f}, {position.lon_deg:.5f}（WGS 84）{off}"
    return f"{area}：{where}" if area else where


WORDS: dict[str, Words] = {
    "en": Words(
        event={"fire": "Fire", "smoke": "Smoke"},
        restriction="for the services that this station was set up for",
        closed={
            IncidentState.RESOLVED: "The incident is over.",
            IncidentState.FALSE_ALARM: "It was a false alarm.",
        },
        moved="It is part of another incident, which has messages of its own.",
        headline=_headline_en,
        description=_description_en,
        place=_place_en,
    ),
    "zh-CN": Words(
        event={"fire": "火情", "smoke": "烟雾"},
        restriction="仅供本站服务的机构使用",
        closed={
            IncidentState.RESOLVED: "事件已结束。",
            IncidentState.FALSE_ALARM: "误报。",
        },
        moved="该事件已并入另一事件，后者另有消息。",
        headline=_headline_zh,
        description=_description_zh,
        place=_place_zh,
    ),
}

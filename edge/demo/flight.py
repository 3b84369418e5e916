"""What the demo has seen of its flight so far, told by the station as any page would hear it."""

from __future__ import annotations

from typing import Any

from edge.demo.sink import WebhookSink
from uplink.messages import Alert, AlertState, DroneState

SETTLE_S = 8.0  # after the last leg, for what is still on its way


class DemoFlight:
    """Fed with the station's snapshots; keeps the story and knows when it is over."""

    def __init__(self, started_s: float, last_item: int) -> None:
        """``last_item`` is the mission item with which the drone turns home: the patrol is flown then."""
        self._started_s = started_s
        self._last_item = last_item
        self._patrol_over_s: float | None = None
        self._first_alert_s: float | None = None
        self._has_flown = False
        self._revisions: dict[str, int] = {}
        self.drone: DroneState | None = None
        self.alerts: list[Alert] = []
        self.story: list[str] = []

    def take(self, snapshot: dict[str, Any], now_s: float) -> None:
        """The station's ``/api/v1/snapshot``, heard at ``now_s`` (monotonic)."""
        before = self.drone
        if snapshot["drones"]:
            self.drone = DroneState.model_validate(snapshot["drones"][0])
            self._tell_changes(before, self.drone, now_s)
        self.alerts = [Alert.model_validate(_without_receipt(alert)) for alert in snapshot["alerts"]]
        for alert in self.alerts:
            self._tell_alert(alert, now_s)

    def _tell_changes(self, before: DroneState | None, drone: DroneState, now_s: float) -> None:
        if before is None:
            self._tell(now_s, "the drone's agent reports to the station")
        if drone.mode and (before is None or before.mode != drone.mode):
            self._tell(now_s, f"mode {drone.mode}")
        if before is not None and before.seeing != drone.seeing:
            self._tell(now_s, drone.seeing.value + (f": {drone.blind_reason}" if drone.blind_reason else ""))
        self._has_flown = self._has_flown or (drone.mode == "AUTO" and bool(drone.armed))
        if (
            self._has_flown
            and self._patrol_over_s is None
            and (drone.mission_item == self._last_item or not drone.armed)
        ):
            self._patrol_over_s = now_s
            self._tell(now_s, "the patrol is flown")

    def _tell_alert(self, alert: Alert, now_s: float) -> None:
        known = self._revisions.get(str(alert.id), 0)
        if alert.revision == known:
            return
        self._revisions[str(alert.id)] = alert.revision
        if known == 0:
            self._first_alert_s = self._first_alert_s or now_s
            where = f"± {alert.ellipse.semi_major_m:.0f} m" if alert.ellipse else "bearing only"
            self._tell(now_s, f"alert: {alert.label}, {alert.probability:.0%} sure, {where}")
        elif alert.state is not AlertState.CONFIRMED:
            self._tell(now_s, f"alert {alert.state.value}: {alert.label}")

    def _tell(self, now_s: float, what: str) -> None:
        self.story.append(f"{now_s - self._started_s:6.1f} s  {what}")

    def is_over(self, now_s: float, fires: int, sink: WebhookSink) -> bool:
        """Whether the patrol is flown and what it found is told, or had its time to be."""
        if self._patrol_over_s is None:
            return False
        told = {delivery.alert.id for delivery in sink.deliveries}
        all_told = len(self.alerts) >= fires and all(alert.id in told for alert in self.alerts)
        return all_told or now_s - self._patrol_over_s > SETTLE_S

    def summary(self, sink: WebhookSink) -> str:
        """One line under the table."""
        first = (
            "no alert"
            if self._first_alert_s is None
            else f"first alert {self._first_alert_s - self._started_s:.1f} s"
        )
        return (
            f"{first} after the start; {len(sink.deliveries)} webhooks delivered and verified, "
            f"{sink.refused} refused."
        )


def _without_receipt(alert: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in alert.items() if key in Alert.model_fields}

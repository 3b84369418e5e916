"""The pilot's transmitter and its receiver (``RC_Channel.cpp``, ``ArduCopter/radio.cpp``).

``Radio.turn`` is the pilot's hand on its switches. A ground station with the number
SYSID_MYGCS, and nobody else, can lay RC_CHANNELS_OVERRIDE over it; that lapses after RC_OVERRIDE_TIME.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hardware.virtual.drone.parameters import Parameters

CHANNELS = 16
IGNORE, BACK_TO_RADIO = 65535, 65534
THROTTLE = 2  # channel 3
FAIL_NO_PULSES, FAIL_LOW_THROTTLE = 1, 2
LOW_THROTTLE_PWM = 950
STEADY_S = 0.2  # a switch counts when it has stayed so long
POSITIONS_PWM = (1231, 1361, 1491, 1621, 1750)
LOWEST_PWM, HIGHEST_PWM = 800, 2200


class Radio:
    """Channels as the autopilot sees them; ``step`` tells a turn of the mode switch to ``switched``."""

    def __init__(self, parameters: Parameters, switched: Callable[[int], None]) -> None:
        self.sticks = [1500, 1500, 1000, 1500, 1800, 1000, 1000, 1800]  # as SITL's transmitter
        self._parameters = parameters
        self._switched = switched
        self._overrides: dict[int, tuple[int, float]] = {}
        self._channels = [*self.sticks, *[0] * (18 - len(self.sticks))]
        self._position: int | None = None
        self._seen_position: int | None = None
        self._seen_s = 0.0
        self._input_s = 0.0
        self._last_s = 0.0

    @property
    def channels(self) -> Sequence[int]:
        """18 of them, PWM; 0 where there is none."""
        return self._channels

    @property
    def count(self) -> int:
        return len(self.sticks)

    @property
    def throttle_pwm(self) -> int:
        return self._channels[THROTTLE]

    def silent_s(self) -> float:
        """How long nothing has come."""
        return self._last_s - self._input_s

    def turn(self, channel: int, pwm: int) -> None:
        """The pilot moves a stick or a switch; channels count from 1."""
        self.sticks += [0] * (channel - len(self.sticks))
        self.sticks[channel - 1] = pwm

    def override(self, values: Sequence[int], now_s: float) -> None:
        """RC_CHANNELS_OVERRIDE: of the first eight 0 gives back to the radio, of the others 65534 does."""
        for index, value in enumerate(values[:CHANNELS]):
            if value == IGNORE or (index >= 8 and value == 0):
                continue
            self._overrides[index] = (0 if value == BACK_TO_RADIO and index >= 8 else value, now_s)

    def clear_overrides(self) -> None:
        self._overrides.clear()

    def step(self, now_s: float) -> None:
        self._last_s = now_s
        lasts_s = self._parameters["RC_OVERRIDE_TIME"]
        overrides = {
            index: value
            for index, (value, set_s) in self._overrides.items()
            if value and (lasts_s < 0 or now_s - set_s < lasts_s)
        }
        failing = int(self._parameters["SIM_RC_FAIL"])
        if failing == FAIL_NO_PULSES and not overrides:
            return  # the last values stay
        self._input_s = now_s
        sticks = list(self.sticks)
        if failing == FAIL_LOW_THROTTLE:
            sticks[THROTTLE] = LOW_THROTTLE_PWM
        for index in range(CHANNELS):
            pwm = overrides.get(index, sticks[index] if index < len(sticks) else 0)
            self._channels[index] = pwm
        if failing != FAIL_LOW_THROTTLE:
            self._read_mode_switch(now_s)

    def _read_mode_switch(self, now_s: float) -> None:
        channel = int(self._parameters["FLTMODE_CH"])
        if not 1 <= channel <= CHANNELS:
            return
        pwm = self._channels[channel - 1]
        if not LOWEST_PWM < pwm < HIGHEST_PWM:
            return
        position = sum(pwm >= limit for limit in POSITIONS_PWM)
        if position != self._seen_position:
            self._seen_position, self._seen_s = position, now_s
        elif position != self._position and now_s - self._seen_s >= STEADY_S:
            first, self._position = self._position is None, position
            if not first:
                self._switched(position)

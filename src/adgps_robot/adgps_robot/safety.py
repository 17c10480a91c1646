"""Whether the arm may move: arming, trips and the latched e-stop. No ROS.

A controller starts disarmed. A trip (by service, by the e-stop topic, by a fault) disarms it and is
latched: it must be cleared, and the controller armed again, each on purpose. An e-stop that is
still pressed cannot be cleared.
"""

from __future__ import annotations

from dataclasses import dataclass


class SafetyError(Exception):
    """Arming or clearing is not allowed now; the message says why."""


@dataclass
class Safety:
    """The safety state of one controller.

    Parameters
    ----------
    armed : rollouts may run.
    trip_reason : why the controller is tripped; "" if it is not.
    e_stop_pressed : the last message on the e-stop topic.
    trips : trips since the start, for diagnostics.
    """

    armed: bool = False
    trip_reason: str = ""
    e_stop_pressed: bool = False
    trips: int = 0

    @property
    def obstacle(self) -> str:
        """Why no rollout may run; "" if one may."""
        if self.trip_reason:
            return f"tripped: {self.trip_reason}"
        return "" if self.armed else "disarmed"

    def arm(self) -> None:
        """Allow rollouts; SafetyError while tripped."""
        if self.trip_reason:
            raise SafetyError(f"tripped ({self.trip_reason}): clear the trip first")
        self.armed = True

    def disarm(self) -> None:
        """Allow no rollouts until armed again."""
        self.armed = False

    def trip(self, reason: str) -> None:
        """Disarm and latch; the first reason stays until it is cleared."""
        self.armed = False
        self.trips += not self.trip_reason
        self.trip_reason = self.trip_reason or reason

    def press(self, pressed: bool) -> None:
        """Take a message of the e-stop topic; releasing the e-stop clears nothing."""
        self.e_stop_pressed = pressed
        if pressed:
            self.trip("e-stop")

    def clear(self) -> None:
        """Forget a trip, staying disarmed; SafetyError while the e-stop is pressed."""
        if self.e_stop_pressed:
            raise SafetyError("the e-stop is still pressed")
        self.trip_reason = ""

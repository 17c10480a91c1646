"""What a controller knows of the torque gate in front of its arm. No ROS.

What the gate keeps back the arm does not get: a rollout behind a closed gate would record torques
that were never applied.
"""

from __future__ import annotations


class GateWatch:
    """Remembers the gate's last word.

    Parameters
    ----------
    timeout : longest time between two words of a gate that is alive, steady clock [s].
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._heard = float("-inf")
        self._armed = False

    def hear(self, armed: bool, now: float) -> None:
        """Take a word of the gate: whether commands pass."""
        self._armed, self._heard = armed, now

    def obstacle(self, now: float) -> str:
        """Why no command reaches the arm; "" if it does."""
        if now - self._heard > self._timeout:
            return "the torque gate is silent"
        return "" if self._armed else "the torque gate is disarmed"

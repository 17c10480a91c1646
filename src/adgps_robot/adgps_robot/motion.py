"""Moving an arm to joint angles, slowly, and holding it there. No ROS. Shape: dU joints.

The path is straight in joint space and its speed that of minimum jerk (Flash and Hogan, "The
coordination of arm movements", 1985): with τ = t / T,

    q_ref(t) = q_0 + (q_1 - q_0) (10 τ³ - 15 τ⁴ + 6 τ⁵),   |q̇_ref| ≤ 15/8 |q_1 - q_0| / T

    u = k (q_ref - q) + d (q̇_ref - q̇) + d_arm q̇_ref

with stiffness k, damping d, and the damping d_arm of the arm's own joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adgps_core.typing import Array, frozen

PEAK = 15 / 8
"""Highest speed of a minimum-jerk motion, in its mean speed."""
SHORTEST = 0.5
"""Duration of the shortest motion [s]."""
AT_REST = 0.05
"""Speed below which an arm that is to arrive has done so [rad/s]."""


@dataclass(frozen=True)
class MotionSettings:
    """How an arm is moved between rollouts.

    Parameters
    ----------
    stiffness : k, (dU,) [N·m/rad].
    damping : d, (dU,) [N·m·s/rad].
    joint_damping : d_arm, (dU,) [N·m·s/rad].
    velocity : (dU,) highest speeds of a motion [rad/s].
    tolerance : farthest that a joint may be from its goal in the end [rad].
    tracking_tolerance : farthest that a joint may be from its path on the way [rad].
    settle_time : longest wait for the arm to come to rest at the goal [s].

    Raises
    ------
    ValueError
        If lengths disagree or a number is out of range.
    """

    stiffness: Array
    damping: Array
    joint_damping: Array
    velocity: Array
    tolerance: float = 0.05
    tracking_tolerance: float = 0.3
    settle_time: float = 3.0

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        shape = (len(self.stiffness),)
        for name in ("stiffness", "damping", "joint_damping", "velocity"):
            object.__setattr__(self, name, frozen(getattr(self, name), shape, name))
        if not ((self.stiffness > 0).all() and (self.velocity > 0).all()):
            raise ValueError("stiffness and velocity of a motion must be positive")
        if not ((self.damping >= 0).all() and (self.joint_damping >= 0).all()):
            raise ValueError("damping of a motion must not be negative")
        for name in ("tolerance", "tracking_tolerance", "settle_time"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


class Motion:
    """One motion, from rest to rest, and the hold at its end.

    Parameters
    ----------
    settings : how to move.
    start, goal : q_0 and q_1, (dU,) [rad].
    begin : when, steady clock [s].
    """

    def __init__(self, settings: MotionSettings, start: Array, goal: Array, begin: float) -> None:
        self._settings = settings
        self._start, self._way = start.copy(), goal - start
        self._goal = goal.copy()
        self._begin = begin
        slowest = PEAK * np.abs(self._way) / settings.velocity
        self.duration = max(float(slowest.max()), SHORTEST)

    def reference(self, now: float) -> tuple[Array, Array]:
        """Where the arm should be (dU,) [rad], and how fast (dU,) [rad/s]."""
        tau = min(max((now - self._begin) / self.duration, 0.0), 1.0)
        part = tau**3 * (10 - 15 * tau + 6 * tau**2)
        rate = 30 * tau**2 * (1 - tau) ** 2 / self.duration
        return self._start + part * self._way, rate * self._way

    def torques(self, now: float, angles: Array, velocities: Array) -> Array:
        """Torques (dU,) at angles (dU,) [rad] and velocities (dU,) [rad/s]."""
        settings = self._settings
        wanted, rates = self.reference(now)
        torques: Array = (
            settings.stiffness * (wanted - angles)
            + settings.damping * (rates - velocities)
            + settings.joint_damping * rates
        )
        return torques

    def hold(self, angles: Array, velocities: Array) -> Array:
        """Torques (dU,) that keep the arm at the goal."""
        return self.torques(self._begin + self.duration, angles, velocities)

    def arrived(self, now: float, angles: Array, velocities: Array) -> bool:
        """Whether the arm is at rest at the goal."""
        off = np.abs(self._goal - angles)
        at_rest = np.abs(velocities) < AT_REST
        over = now - self._begin >= self.duration
        return bool(over and (off <= self._settings.tolerance).all() and at_rest.all())

    def off_path(self, now: float, angles: Array) -> str:
        """Which joint of angles (dU,) [rad] is not where it should be; "" if none."""
        wanted, _ = self.reference(now)
        off = np.abs(wanted - angles)
        joint = int(off.argmax())
        if off[joint] <= self._settings.tracking_tolerance:
            return ""
        return f"joint {joint + 1} is {off[joint]:.2f} rad off its path: is it blocked?"

    def late(self, now: float, angles: Array) -> str:
        """Why the arm cannot be said to have arrived in time; "" if it still can."""
        if now - self._begin <= self.duration + self._settings.settle_time:
            return ""
        off = np.abs(self._goal - angles)
        joint = int(off.argmax())
        return f"the arm did not come to rest: joint {joint + 1} is {off[joint]:.3f} rad off"

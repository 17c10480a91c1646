"""Limits between the policy and the arm: torque, its rate, joint position and velocity, a box.

Near the end of a joint's range, and near its highest speed, the torque is bounded so that the
joint comes to rest before the end and stays below the speed:

    v_high = clip(k_p (upper - margin - q),      -v_max, v_max)      k_p: position_gain
    u_high = clip(d v_high + k_v (v_high - q̇),   -u_max, u_max)      k_v: velocity_gain

and likewise from below; d is the damping of the arm's own joints, so that d v_high is what the
speed v_high takes. With d = 0 these are the soft joint limits of ros2_control and of the PR2's
safety controllers. Shape: dU joints.

The box, in the arm's base frame, bounds the points of the end-effector; nothing pushes them back,
a rollout in which one leaves it ends there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from adgps_core.typing import Array, frozen

_FIELDS = ("effort", "effort_rate", "velocity", "lower", "upper", "velocity_gain", "joint_damping")
_EVERYWHERE = np.full(3, 1e9)


@dataclass(frozen=True)
class Limits:
    """What an arm may be asked for.

    Parameters
    ----------
    effort : (dU,) largest torques [N·m].
    effort_rate : (dU,) largest change of torque [N·m/s].
    velocity : (dU,) highest joint speeds [rad/s].
    lower, upper : (dU,) ends of the joints' ranges [rad].
    velocity_gain : (dU,) k_v [N·m·s/rad]; about a joint's smallest inertia over the control period,
        or below its damping where that brakes it within a period. More makes the arm swing.
    joint_damping : (dU,) d [N·m·s/rad].
    margin : distance from the ends of the range at which a joint should rest at the latest [rad].
    position_gain : k_p [1/s]; below about k_v over the inertia, or a joint overshoots the margin.
    velocity_tolerance : a speed above this many times `velocity` is a violation.
    box_lower, box_upper : (3,) corners of the end-effector's box, base frame [m].

    Raises
    ------
    ValueError
        If lengths disagree, a bound is not positive or a range is empty.
    """

    effort: Array
    effort_rate: Array
    velocity: Array
    lower: Array
    upper: Array
    velocity_gain: Array
    joint_damping: Array
    margin: float = 0.1
    position_gain: float = 1.5
    velocity_tolerance: float = 1.5
    box_lower: Array = field(default_factory=lambda: -_EVERYWHERE)
    box_upper: Array = field(default_factory=lambda: _EVERYWHERE)

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        shape = (len(self.effort),)
        for name in _FIELDS:
            object.__setattr__(self, name, frozen(getattr(self, name), shape, name))
        for name in ("box_lower", "box_upper"):
            object.__setattr__(self, name, frozen(getattr(self, name), (3,), name))
        if not (self.box_upper > self.box_lower).all():
            raise ValueError("the box is empty: box_upper must be above box_lower")
        for name in ("effort", "effort_rate", "velocity", "velocity_gain"):
            if not (getattr(self, name) > 0).all():
                raise ValueError(f"{name} must be positive")
        if not (self.joint_damping >= 0).all():
            raise ValueError("joint_damping must not be negative")
        if not (self.margin >= 0 and self.position_gain > 0 and self.velocity_tolerance >= 1):
            raise ValueError("margin, position_gain or velocity_tolerance is out of range")
        if not (self.upper - self.lower > 2 * self.margin).all():
            raise ValueError("the margins leave nothing of a joint's range")


@dataclass(frozen=True)
class Limited:
    """Torques that may be sent, and how many each limit changed.

    Parameters
    ----------
    torques : (dU,) [N·m].
    effort, motion, rate : number of torques cut by the torque limit, by the position and velocity
        limits, and by the limit on the torque's rate.
    """

    torques: Array
    effort: int
    motion: int
    rate: int

    @property
    def clipped(self) -> int:
        """Number of cuts."""
        return self.effort + self.motion + self.rate


def limit(
    limits: Limits,
    torques: Array,
    previous: Array,
    angles: Array,
    velocities: Array,
    period: float,
) -> Limited:
    """Torques (dU,) that an arm may get instead of those wanted.

    The torque's rate comes last: an arm that sees too fast a torque stops altogether. Since the
    previous torques were within the torque limit, so are these.

    Parameters
    ----------
    torques : (dU,) wanted [N·m].
    previous : (dU,) sent one period ago [N·m].
    angles, velocities : (dU,) measured [rad], [rad/s].
    period : control period [s].
    """
    effort = limits.effort
    strong = np.minimum(np.maximum(torques, -effort), effort)
    low = _at_speed(limits, limits.lower + limits.margin - angles, velocities)
    high = _at_speed(limits, limits.upper - limits.margin - angles, velocities)
    moving = np.minimum(np.maximum(strong, low), high)

    step = limits.effort_rate * period
    sent = np.minimum(np.maximum(moving, previous - step), previous + step)
    return Limited(
        sent,
        effort=int(np.count_nonzero(strong != torques)),
        motion=int(np.count_nonzero(moving != strong)),
        rate=int(np.count_nonzero(sent != moving)),
    )


def _at_speed(limits: Limits, distances: Array, velocities: Array) -> Array:
    """Torques (dU,) that bring joints to the highest speed allowed at signed distances (dU,)."""
    fastest = limits.position_gain * distances
    fastest = np.minimum(np.maximum(fastest, -limits.velocity), limits.velocity)
    torques = limits.joint_damping * fastest + limits.velocity_gain * (fastest - velocities)
    bounded: Array = np.minimum(np.maximum(torques, -limits.effort), limits.effort)
    return bounded


def violation(limits: Limits, angles: Array, velocities: Array, points: Array) -> str:
    """Why a rollout must end here; "" if it may go on.

    Parameters
    ----------
    angles, velocities : (dU,) measured [rad], [rad/s].
    points : (3 P,) coordinates of the end-effector's P points, base frame [m].
    """
    outside = np.flatnonzero((angles < limits.lower) | (angles > limits.upper))
    if outside.size:
        joint = outside[0]
        return (
            f"joint {joint + 1} is at {angles[joint]:.3f} rad, outside "
            f"[{limits.lower[joint]:.3f}, {limits.upper[joint]:.3f}]"
        )
    return too_fast(limits, velocities) or _outside_box(limits, points)


def too_fast(limits: Limits, velocities: Array) -> str:
    """Which joint of velocities (dU,) [rad/s] is too fast; "" if none."""
    fast = np.flatnonzero(np.abs(velocities) > limits.velocity_tolerance * limits.velocity)
    if not fast.size:
        return ""
    joint = fast[0]
    return (
        f"joint {joint + 1} moves at {velocities[joint]:.2f} rad/s, "
        f"more than {limits.velocity_tolerance:g} times {limits.velocity[joint]:.2f}"
    )


def _outside_box(limits: Limits, points: Array) -> str:
    """Which point of the end-effector has left the box; "" if none."""
    each = points.reshape(-1, 3)
    outside = np.argwhere((each < limits.box_lower) | (each > limits.box_upper))
    if not outside.size:
        return ""
    point, axis = outside[0]
    return (
        f"point {point + 1} of the end-effector is at {'xyz'[axis]} = {each[point, axis]:.3f} m, "
        f"outside [{limits.box_lower[axis]:.3f}, {limits.box_upper[axis]:.3f}]"
    )

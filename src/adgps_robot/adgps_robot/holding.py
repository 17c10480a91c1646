"""What an arm gets between rollouts, in real time: joint damping, a motion, the hold at its end.

No ROS. Whatever is wanted, a state that is not fresh is answered with zero torque. Torques are due
more often than a policy's: where an arm's inertia about a joint is small, feedback at 20 Hz with
enough damping to brake it would make it swing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adgps_core.typing import Array
from adgps_robot.hold import damping_torques
from adgps_robot.joint_states import JointSample
from adgps_robot.limits import Limits, limit, too_fast
from adgps_robot.motion import Motion, MotionSettings

OnMoved = Callable[[str, int], None]
"""Told of the end of a motion: why it failed, "" if it did not; and the last state's stamp [ns]."""


PERIOD = 0.01
"""Between two torques, where states come that often [s]."""
SLOW = 0.3
"""Speed below which a motion may begin; a faster arm is braked first [rad/s]."""


class MotionError(Exception):
    """A motion that cannot begin; the message says why."""


class Holding:
    """Holds and moves an arm while it has no policy.

    Parameters
    ----------
    damping : (dU,) of the hold [N·m·s/rad].
    limits : of the arm; None for none.
    motion : how to move it; None: motions are not offered.
    """

    def __init__(
        self, damping: Array, limits: Limits | None, motion: MotionSettings | None
    ) -> None:
        self._damping = damping
        self._limits = limits
        self._settings = motion
        self._goal: Array | None = None
        self._give_up = 0.0
        self._motion: Motion | None = None
        self._on_moved: OnMoved | None = None
        self._sent = np.zeros(len(damping))
        self._stamp_ns = -1
        self.moves = 0
        self.failed_moves = 0

    @property
    def moving(self) -> bool:
        """Whether the arm is on its way."""
        return self._on_moved is not None

    def move(self, goal: Array, now: float, on_moved: OnMoved) -> None:
        """Begin to move to joint angles (dU,) [rad], once the arm is slow enough.

        Raises
        ------
        MotionError
            If the arm cannot, or must not, go there.
        """
        if self._settings is None:
            raise MotionError("this controller moves no arm")
        if goal.shape != self._damping.shape or not np.isfinite(goal).all():
            raise MotionError(f"{len(self._damping)} finite joint angles are needed")
        if self._limits is not None:
            low, high = self._limits.lower, self._limits.upper
            (outside,) = np.nonzero((goal < low) | (goal > high))
            if outside.size:
                joint = outside[0]
                raise MotionError(
                    f"joint {joint + 1} cannot go to {goal[joint]:.3f} rad, its range is"
                    f" [{low[joint]:.3f}, {high[joint]:.3f}]"
                )
        self._motion, self._goal, self._on_moved = None, goal, on_moved
        self._give_up = now + self._settings.settle_time

    def release(self, reason: str) -> None:
        """Give up any motion, and any pose: joint damping alone from now on."""
        self._motion = self._goal = None
        self._finish(reason)

    def hold(self, angles: Array, velocities: Array) -> Array:
        """Torques (dU,) that hold the arm at angles (dU,) [rad] and velocities (dU,) [rad/s]."""
        if self._motion is not None:
            return self._motion.hold(angles, velocities)
        effort = self._limits.effort if self._limits else None
        return damping_torques(self._damping, velocities, effort)

    def torques(self, sample: JointSample, fresh: bool, now: float) -> Array:
        """Torques (dU,) that answer a state; once a period."""
        self._stamp_ns = sample.stamp_ns
        if not fresh:
            self.release("joint states stopped arriving")
            return np.zeros(len(self._damping))
        if self._goal is not None:
            self._brake(self._goal, sample, now)
        if self._motion is not None:
            self._look(self._motion, sample, now)
        if self._motion is None:
            self._sent = self.hold(sample.angles, sample.velocities)
            return self._sent
        torques = self._motion.torques(now, sample.angles, sample.velocities)
        if self._limits is not None:
            torques = limit(
                self._limits, torques, self._sent, sample.angles, sample.velocities, PERIOD
            ).torques
        self._sent = torques
        return torques

    def _brake(self, goal: Array, sample: JointSample, now: float) -> None:
        """Begin the motion once the arm is slow enough."""
        assert self._settings is not None
        if (np.abs(sample.velocities) < SLOW).all():
            self._goal, self._motion = None, Motion(self._settings, sample.angles, goal, now)
        elif now > self._give_up:
            joint = int(np.abs(sample.velocities).argmax())
            self.release(
                f"the arm cannot be braked: joint {joint + 1} moves at"
                f" {sample.velocities[joint]:.2f} rad/s"
            )

    def _look(self, motion: Motion, sample: JointSample, now: float) -> None:
        """See whether the motion has ended, or must end."""
        if self.moving and motion.arrived(now, sample.angles, sample.velocities):
            self._finish("")
        reason = too_fast(self._limits, sample.velocities) if self._limits is not None else ""
        reason = reason or motion.off_path(now, sample.angles)
        if self.moving:
            reason = reason or motion.late(now, sample.angles)
        if reason:
            self.release(reason)

    def _finish(self, reason: str) -> None:
        on_moved, self._on_moved = self._on_moved, None
        if on_moved is None:
            return
        self.moves += not reason
        self.failed_moves += bool(reason)
        on_moved(reason, self._stamp_ns)

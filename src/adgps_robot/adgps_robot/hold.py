"""What an arm gets while no policy moves it: joint damping, and the way from there to a policy.

No ROS. Shape: dU joints. All torques are above the arm's own gravity compensation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from adgps_core.typing import Array

HoldTorques = Callable[[Array, Array], Array]
"""Torques (dU,) [N·m] of joint angles (dU,) [rad] and velocities (dU,) [rad/s]."""


def damping_torques(damping: Array, velocities: Array, effort: Array | None = None) -> Array:
    """Torques (dU,) against velocities (dU,) [rad/s], at most effort (dU,) [N·m]."""
    torques: Array = -damping * velocities
    return torques if effort is None else np.minimum(np.maximum(torques, -effort), effort)


@dataclass(frozen=True)
class Ramp:
    """The first moments of a rollout: from the hold to the policy.

        u_t = w_t u_policy + (1 - w_t) u_hold,   w_t = min((t + 1) Δt / duration, 1)

    What is blended is what is applied, and recorded as applied.

    Parameters
    ----------
    duration : until the policy has the arm for itself [s]; 0: from the first tick.
    hold : what the arm got before.
    """

    duration: float
    hold: HoldTorques

    def blend(self, t: int, period: float, torques: Array, angles: Array, rates: Array) -> Array:
        """Torques (dU,) at tick t instead of the policy's torques (dU,).

        Parameters
        ----------
        t, period : tick, and control period [s].
        torques : the policy's [N·m].
        angles, rates : (dU,) measured [rad], [rad/s].
        """
        if (t + 1) * period >= self.duration:
            return torques
        weight = (t + 1) * period / self.duration
        return weight * torques + (1 - weight) * self.hold(angles, rates)

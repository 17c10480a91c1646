"""One rollout: states in, torques out, everything recorded. No ROS.

Shapes: T ticks asked for, n ticks done, dX state, dU action, dZ measurement. State x_t is answered
with u_t; the tick is done when x_{t+1} has arrived. The last state x_T is answered with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adgps_core import end_effector as ee
from adgps_core.measurements import IMAGE
from adgps_core.tasks import Task
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array
from adgps_robot.goal import Goal
from adgps_robot.hold import Ramp
from adgps_robot.limits import Limits, limit, violation
from adgps_robot.outcome import Outcome, RolloutError
from adgps_robot.sampling import Sampler

_SECOND_NS = 1e9
_NOTHING: Mapping[str, Array] = MappingProxyType({})


class Rollout:
    """The recorder and the command path of one rollout.

    The exploration noise is white: `default_rng(seed).standard_normal((T, dU))` times
    noise_scale. Log-probabilities are those of the sampled actions, before limits, under the
    policy's own density (noise_scale 1), so that with noise_scale 0 they are the density's maxima.

    Parameters
    ----------
    goal : what to run, checked against the task.
    sampler : the policy, frozen.
    task : observes the states.
    limits : between policy and arm; None sends what the policy wants.
    robot : name of the robot, for the record.
    ramp : how the policy takes over; None: at once.
    """

    def __init__(
        self,
        goal: Goal,
        sampler: Sampler,
        task: Task,
        limits: Limits | None,
        robot: str = "",
        ramp: Ramp | None = None,
    ) -> None:
        horizon = goal.horizon
        self.goal = goal
        self._sampler = sampler
        self._task = task
        self._limits = limits
        self._robot = robot
        self._ramp = ramp
        rng = np.random.default_rng(goal.seed)
        self._noise = goal.noise_scale * rng.standard_normal((horizon, task.dim_u))
        self._states = np.empty((horizon + 1, task.dim_x))
        self._stamps_ns: list[int] = []
        self._observations = np.empty((horizon, task.dim_o))
        self._sampled = np.empty((horizon, task.dim_u))
        self._applied = np.empty((horizon, task.dim_u))
        self._lateness = np.zeros(horizon)
        self._measurements: dict[str, Array] = {}
        self._images: list[bytes] = []
        self.clipped = 0

    @property
    def first_stamp_ns(self) -> int:
        """Stamp of the first state taken [ns]; -1 before it."""
        return self._stamps_ns[0] if self._stamps_ns else -1

    @property
    def last_stamp_ns(self) -> int:
        """Stamp of the newest state taken [ns]; -1 before the first."""
        return self._stamps_ns[-1] if self._stamps_ns else -1

    @property
    def states(self) -> int:
        """States taken so far."""
        return len(self._stamps_ns)

    @property
    def ticks(self) -> int:
        """Control ticks completed, n."""
        return max(len(self._stamps_ns) - 1, 0)

    @property
    def complete(self) -> bool:
        """All T ticks are done."""
        return len(self._stamps_ns) == self.goal.horizon + 1

    def tick(
        self,
        stamp_ns: int,
        angles: Array,
        velocities: Array,
        state: Array,
        lateness: float = 0.0,
        measurements: Mapping[str, NDArray[Any]] = _NOTHING,
    ) -> Array | None:
        """Take a state, return the torques (dU,) that answer it; None after the last.

        Parameters
        ----------
        stamp_ns : of the state [ns]; must rise.
        angles, velocities : (dU,) of the joints, for the limits.
        state : (dX,).
        lateness : of this tick against its schedule [s].
        measurements : name to (dZ,), what else was measured with this state; the same names and
            lengths in every tick, but for images.

        Raises
        ------
        RolloutError
            If the arm left its limits, or the policy's action is not finite.
        """
        if self.complete:
            raise RuntimeError("the rollout is complete")
        if stamp_ns <= self.last_stamp_ns:
            raise RuntimeError("the stamp of a state did not rise")
        t = len(self._stamps_ns)
        self._states[t] = state
        self._stamps_ns.append(stamp_ns)
        reason = ""
        if self._limits:
            points = state[ee.POINT_POSITIONS]
            reason = violation(self._limits, angles, velocities, points)
        if reason:
            raise RolloutError(Outcome.LIMIT_VIOLATION, reason)
        if self.complete:
            return None
        self._note(t, measurements)
        observation = self._observe(t)
        sampled = self._sampler.act(t, state, observation, self._noise[t])
        if not np.isfinite(sampled).all():
            raise RolloutError(
                Outcome.INVALID_GOAL, f"the policy's action at step {t} is not finite"
            )
        applied, period = sampled, self._task.control_period
        if self._ramp:
            applied = self._ramp.blend(t, period, sampled, angles, velocities)
        if self._limits:
            before = self._applied[t - 1] if t else np.zeros(self._task.dim_u)
            limited = limit(self._limits, applied, before, angles, velocities, period)
            applied = limited.torques
            self.clipped += limited.clipped
        self._observations[t], self._lateness[t] = observation, lateness
        self._sampled[t], self._applied[t] = sampled, applied
        return applied

    def trajectory(self) -> Trajectory | None:
        """Sum up the ticks completed so far; None if there is none."""
        count = self.ticks
        if count == 0:
            return None
        states = self._states[: count + 1]
        sampled = self._sampled[:count]
        observations = self._observations[:count]
        start_ns = self._stamps_ns[0]
        return Trajectory(
            instance=self.goal.instance,
            states=states,
            observations=observations,
            actions_sampled=sampled,
            actions_applied=self._applied[:count],
            log_probabilities=self._sampler.log_probabilities(states[:-1], observations, sampled),
            stamps=np.array([stamp - start_ns for stamp in self._stamps_ns]) / _SECOND_NS,
            lateness=self._lateness[:count],
            policy_version=self._sampler.version,
            robot=self._robot,
            rollout_id=self.goal.rollout_id,
            seed=self.goal.seed,
            start_ns=start_ns,
            measurements={name: rows[:count] for name, rows in self._measurements.items()},
            images=tuple(self._images[:count]),
        )

    def _observe(self, t: int) -> Array:
        """Observation (dO,) at step t, of all that was seen until then where the task measures."""
        if not self._task.measured:
            return self._task.observe(self._states[t], self.goal.instance)
        seen = {name: rows[: t + 1] for name, rows in self._measurements.items()}
        observations = self._task.observe(self._states[: t + 1], self.goal.instance, seen)
        newest: Array = observations[-1]
        return newest

    def _note(self, t: int, measurements: Mapping[str, NDArray[Any]]) -> None:
        """Record what was measured with state t."""
        if IMAGE in measurements:
            self._images.append(measurements[IMAGE].tobytes())
            measurements = {name: row for name, row in measurements.items() if name != IMAGE}
        if t == 0:
            self._measurements = {
                name: np.empty((self.goal.horizon, len(row))) for name, row in measurements.items()
            }
        shapes = {name: (len(row),) for name, row in measurements.items()}
        if shapes != {name: rows.shape[1:] for name, rows in self._measurements.items()}:
            raise RuntimeError(f"a rollout's measurements changed to {shapes}")
        for name, row in measurements.items():
            self._measurements[name][t] = row

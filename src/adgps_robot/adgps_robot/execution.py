"""What the controller knows about the rollout in hand. No ROS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from adgps_core.trajectory import Trajectory
from adgps_robot.goal import Goal
from adgps_robot.outcome import Outcome, RolloutError
from adgps_robot.rollout import Rollout
from adgps_robot.sampling import Sampler

SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Timing:
    """When to act, and when to give up. Steady clock, but for lateness_budget.

    Parameters
    ----------
    lock_step : tick on the arrival of states instead of on the timer; the robot waits for it.
    on_states : in real time too, on the first state that is a period later by its stamp.
    state_timeout : longest wait for a state within a rollout [s].
    start_timeout : longest wait for the first state of a rollout [s].
    policy_timeout : longest wait for a global policy that is new enough [s].
    lateness_budget : latest that a tick may be in real time, ROS clock [s].

    Raises
    ------
    ValueError
        If a duration is not positive.
    """

    lock_step: bool = True
    on_states: bool = field(default=False, kw_only=True)
    state_timeout: float = 5.0
    start_timeout: float = 10.0
    policy_timeout: float = 10.0
    lateness_budget: float = 0.025

    def __post_init__(self) -> None:
        """Validate."""
        for name in ("state_timeout", "start_timeout", "policy_timeout", "lateness_budget"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(frozen=True)
class RolloutResult:
    """How a rollout ended, and what was measured until then.

    Parameters
    ----------
    outcome, reason : error code, and one sentence for people.
    trajectory : the ticks completed; None if there is none.
    clipped : torques that a limit changed.
    """

    outcome: Outcome
    reason: str
    trajectory: Trajectory | None
    clipped: int


@dataclass
class Execution:
    """A goal in hand: it waits for its policy, then for its first state, then it ticks.

    Parameters
    ----------
    goal : what to run.
    on_finished, on_tick : whom to tell; on_tick gets the number of ticks completed.
    since : when the present wait began, steady clock [s].
    sampler : the policy, once it is there.
    rollout : the recorder, once the first state is there.
    first_tick_ns : when the first tick was, ROS clock [ns].
    tick_due : the timer has called for a tick that still lacks its state.
    ticked : when the last tick was, steady clock [s]; None before the first.
    """

    goal: Goal
    on_finished: Callable[[RolloutResult], None]
    on_tick: Callable[[int], None]
    since: float
    sampler: Sampler | None = None
    rollout: Rollout | None = None
    first_tick_ns: int = 0
    tick_due: bool = False
    ticked: float | None = None

    def lateness(self, rollout: Rollout, now_ns: int, period_ns: int, budget: float) -> float:
        """How late the tick is that happens now [s]; RolloutError if later than the budget."""
        if rollout.states == 0:
            return 0.0
        due_ns = self.first_tick_ns + rollout.states * period_ns
        lateness = max(now_ns - due_ns, 0) / SECOND_NS
        if lateness > budget:
            raise RolloutError(
                Outcome.JITTER,
                f"tick {rollout.states} was {lateness * 1e3:.0f} ms late, "
                f"more than {budget * 1e3:.0f} ms",
            )
        return lateness

    def result(self, outcome: Outcome, reason: str) -> RolloutResult:
        """Sum up; a record that no trajectory can be made of is the goal's fault."""
        if self.rollout is None:
            return RolloutResult(outcome, reason, None, 0)
        try:
            trajectory = self.rollout.trajectory()
        except ValueError as error:  # densities overflow under an absurd policy
            return RolloutResult(Outcome.INVALID_GOAL, str(error), None, self.rollout.clipped)
        return RolloutResult(outcome, reason, trajectory, self.rollout.clipped)

"""How far training is, gathered from the diagnostics of its nodes; no ROS here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

REPORTING = ("local_worker", "trajectory_player")
"""Nodes that say how far a robot is: one that practises, and one that plays what it practised."""

_COST_OF = "cost/"
"""What the keys of single instances begin with, for example "cost/training/3"."""


@dataclass(frozen=True)
class WorkerProgress:
    """What one local worker last said of itself.

    Parameters
    ----------
    robot : "robot_1".
    iteration : local iterations done, mean over the worker's instances.
    iterations : how many there will be.
    rollouts : that were learned from, also before the worker was started again.
    cost : mean total cost of the newest batch of rollouts; NaN before the first.
    instance_costs : the same by instance.
    utilization : time of rollouts learned from, over wall clock.
    policy_version, policy_age_s : newest global policy that it has, and its age.
    state : what it is doing.
    finished : whether all its iterations are done.
    """

    robot: str
    iteration: float = 0.0
    iterations: int = 0
    rollouts: int = 0
    cost: float = math.nan
    instance_costs: Mapping[str, float] = field(default_factory=dict)
    utilization: float = 0.0
    policy_version: str = "0.0"
    policy_age_s: float = math.nan
    state: str = "starting"
    finished: bool = False

    @staticmethod
    def from_diagnostics(robot: str, values: Mapping[str, str]) -> WorkerProgress:
        """Read the values of a status; ValueError if one is not what it should be."""
        return WorkerProgress(
            robot=robot,
            iteration=float(values.get("iteration", 0)),
            iterations=int(values.get("iterations", 0)),
            rollouts=int(values.get("rollouts", 0)),
            cost=float(values.get("cost", "nan")),
            instance_costs={
                key.removeprefix(_COST_OF): cost
                for key, value in values.items()
                if key.startswith(_COST_OF) and math.isfinite(cost := float(value))
            },
            utilization=float(values.get("utilization", 0)),
            policy_version=values.get("policy_version", "0.0"),
            policy_age_s=float(values.get("policy_age_s", "nan")),
            state=values.get("state", ""),
            finished=values.get("finished", "false") == "true",
        )


@dataclass(frozen=True)
class CurvePoint:
    """One point of the learning curve: mean cost of every instance's newest batch of rollouts."""

    rollouts: int
    wall_clock_s: float
    version: str
    cost: float


@dataclass
class TrainingState:
    """The whole run as diagnostics tell it.

    Parameters
    ----------
    robots : names of the robots, "robot_1" and so on.
    instances : ids of the instances that they practise.
    curve : points of an earlier part of this run.
    """

    robots: tuple[str, ...]
    instances: tuple[str, ...]
    curve: list[CurvePoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin where the curve ends."""
        self.workers: dict[str, WorkerProgress] = {}
        self.diagnostics: dict[str, Mapping[str, str]] = {}
        self._costs: dict[str, float] = {}
        self.last_progress_s = 0.0
        self.last_rollout_s = 0.0
        self.practice_began_s: float | None = None
        """When the first robot was first heard to sample, earlier parts of the run included [s]."""
        self._first: dict[str, tuple[float, float]] = {}
        self._earlier_s = self.curve[-1].wall_clock_s if self.curve else 0.0

    def update(self, name: str, values: Mapping[str, str], now: float) -> None:
        """Take in one diagnostic status.

        Parameters
        ----------
        name : of the status, "/robot_1/local_worker".
        values : its key-value pairs.
        now : wall clock since this part of the run began [s].
        """
        self.diagnostics[name.strip("/")] = dict(values)
        namespace, _, node = name.strip("/").rpartition("/")
        if node not in REPORTING or namespace not in self.robots:
            return
        try:
            progress = WorkerProgress.from_diagnostics(namespace, values)
        except ValueError:
            return  # a peer's broken number must not end the run
        before = self.workers.get(namespace, WorkerProgress(namespace))
        self.workers[namespace] = progress
        if self.practice_began_s is None and progress.state.startswith("sampling"):
            self.practice_began_s = self.wall_clock_s(now)
        self._first.setdefault(namespace, (now, progress.iteration))
        if (progress.rollouts, progress.iteration, progress.state) != (
            before.rollouts,
            before.iteration,
            before.state,
        ):
            self.last_progress_s = now
        if progress.rollouts > before.rollouts:
            self.last_rollout_s = now
        costs = {**self._costs, **progress.instance_costs}
        if costs != self._costs:
            self._costs = costs
            if set(costs) >= set(self.instances):
                self._append_point(now)

    def _append_point(self, now: float) -> None:
        """Add a point to the curve, now that every instance has been tried.

        A worker that was killed may have to repeat its last batch; the curve never goes back.
        """
        if self.curve and self.rollouts <= self.curve[-1].rollouts:
            return
        self.curve.append(
            CurvePoint(
                rollouts=self.rollouts,
                wall_clock_s=round(self._earlier_s + now, 3),
                version=self.policy_version,
                cost=sum(self._costs.values()) / len(self._costs),
            )
        )

    @property
    def rollouts(self) -> int:
        """Rollouts of all robots so far, also those of earlier parts of the run."""
        return sum(worker.rollouts for worker in self.workers.values())

    @property
    def published(self) -> int:
        """Batches of rollouts that the local workers published since they were started."""
        return sum(self._count(f"{robot}/local_worker", "published") for robot in self.robots)

    @property
    def recorded(self) -> int:
        """Batches of rollouts in the run's bag."""
        return self._count("recorder", "trajectories")

    def _count(self, node: str, key: str) -> int:
        """Read a count of a node; 0 if it said none."""
        value = self.diagnostics.get(node, {}).get(key, "")
        return int(value) if value.isdecimal() else 0

    @property
    def policy_version(self) -> str:
        """Newest policy version that a robot has."""
        versions = [worker.policy_version for worker in self.workers.values()]
        return max(versions, key=version_key, default="0.0")

    @property
    def iterations(self) -> float:
        """Local iterations of each instance so far, mean over the robots."""
        done = [worker.iteration for worker in self.workers.values()]
        return sum(done) / len(done) if done else 0.0

    @property
    def missing(self) -> tuple[str, ...]:
        """Robots whose local worker has never been heard of."""
        return tuple(robot for robot in self.robots if robot not in self.workers)

    @property
    def finished(self) -> bool:
        """Whether every local worker is."""
        return not self.missing and all(worker.finished for worker in self.workers.values())

    def wall_clock_s(self, now: float) -> float:
        """Duration of the run, earlier parts included [s]."""
        return self._earlier_s + now

    def eta_s(self, robot: str, now: float) -> float:
        """Time that a robot still needs at the pace it has had so far [s]; NaN if unknown."""
        worker = self.workers.get(robot)
        if worker is None:
            return math.nan
        if worker.finished:
            return 0.0
        since, iteration = self._first[robot]
        done = worker.iteration - iteration
        if done <= 0 or now <= since:
            return math.nan
        return (worker.iterations - worker.iteration) * (now - since) / done


def version_key(version: str) -> tuple[int, int]:
    """Order of versions "epoch.counter"; what is no version comes first."""
    epoch, _, counter = version.partition(".")
    try:
        return int(epoch), int(counter)
    except ValueError:
        return -1, -1

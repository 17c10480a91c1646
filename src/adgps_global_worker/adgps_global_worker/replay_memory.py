"""Replay memory: the newest rollouts of each instance, and what they should teach (section IV).

An instance keeps its newest rollouts; over all instances the oldest rollouts make room, so that
tasks whose instances never repeat do not fill the memory. Labels (local policy, multipliers,
penalties) are those that arrived last.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from adgps_core.global_policy import Architecture
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.tasks.task import Task
from adgps_core.trajectory import Trajectory
from adgps_global_worker.batches import InstanceSamples


class RefusedTrajectoriesError(ValueError):
    """Trajectories that cannot be learned from; the message says why."""


@dataclass(frozen=True)
class Received:
    """What became of a message.

    Parameters
    ----------
    rollouts : how many of its samples were new.
    relabelled : whether the instance's labels changed.
    """

    rollouts: int
    relabelled: bool


@dataclass
class _Entry:
    """What is remembered of one instance; rollouts by id, the oldest first."""

    newest: OptimizedTrajectories
    revision: int = 0
    rollouts: OrderedDict[str, tuple[int, Trajectory]] = field(default_factory=OrderedDict)


class ReplayMemory:
    """Newest rollouts and labels of each instance.

    Parameters
    ----------
    task : what trajectories must be of: name, horizon and dimensions.
    per_instance : newest rollouts kept of one instance.
    total : newest rollouts kept of all.
    images : trajectories must have some, and they are remembered.

    Raises
    ------
    ValueError
        If a capacity is not positive, or the whole is smaller than one instance's share.
    """

    def __init__(self, task: Task, per_instance: int, total: int, *, images: bool = False) -> None:
        if not 1 <= per_instance <= total:
            raise ValueError(
                f"capacities are {per_instance} of an instance and {total} of all, "
                "expected 1 or more, and not less of all than of one"
            )
        self._task = task
        self._images = images
        self._per_instance = per_instance
        self._total = total
        self._entries: dict[str, _Entry] = {}
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._arrivals = 0
        self._revision = 0

    @property
    def revisions(self) -> dict[str, int]:
        """Of each instance remembered, a number that changes whenever its samples or labels do."""
        return {key: entry.revision for key, entry in self._entries.items()}

    @property
    def rollouts(self) -> int:
        """Rollouts remembered."""
        return sum(len(entry.rollouts) for entry in self._entries.values())

    def add(self, optimized: OptimizedTrajectories) -> Received:
        """Remember samples and labels.

        The same iteration may come again: after a further alternation with new labels, or because
        a middleware repeats what it keeps. A rollout is counted and remembered once, by its id.

        Raises
        ------
        RefusedTrajectoriesError
            If task or sizes are not this memory's; nothing is remembered then.
        """
        self._check(optimized)
        key = optimized.instance.id
        entry = self._entries.get(key)
        fresh = {
            name: sample
            for name, sample in _by_id(optimized).items()
            if (key, name) not in self._seen
        }
        if not fresh and (entry is None or _order(optimized) < _order(entry.newest)):
            return Received(0, False)  # an old message, repeated
        if entry is None:
            entry = self._entries.setdefault(key, _Entry(optimized))
        entry.newest = optimized
        self._touch(entry)
        for name, sample in fresh.items():
            self._arrivals += 1
            entry.rollouts[name] = (self._arrivals, sample)
            self._seen[key, name] = None
        self._forget(entry)
        return Received(len(fresh), True)

    def check_policy(self, architecture: Architecture) -> None:
        """Raise ValueError if a global policy of that network is not of this memory's task."""
        found, task = (architecture.dim_o, architecture.dim_u), self._task
        if found != (task.dim_o, task.dim_u):
            raise ValueError(
                f"the server's policy maps {found[0]} numbers to {found[1]}, "
                f"task {task.name} needs {task.dim_o} to {task.dim_u}"
            )
        if self._images != (architecture.vision is not None):
            has = "none" if self._images else "one"
            raise ValueError(
                f"the server's policy has {has} of the vision networks that are trained with it, "
                f"this worker was told {'of one' if self._images else 'of none'}"
            )

    def weighs_anew(self, instance_id: str) -> bool:
        """Whether importance weights of an instance follow the global policy: under MDGPS."""
        return self._entries[instance_id].newest.method == "mdgps"

    def samples(self, instance_id: str) -> InstanceSamples:
        """Stack the rollouts of an instance, with its newest labels."""
        entry = self._entries[instance_id]
        samples = [sample for _, sample in entry.rollouts.values()]
        return InstanceSamples(
            states=np.stack([sample.states[:-1] for sample in samples]),
            observations=np.stack([sample.observations for sample in samples]),
            actions=np.stack([sample.actions_sampled for sample in samples]),
            log_probabilities=np.stack([sample.log_probabilities for sample in samples]),
            method=entry.newest.method,
            policy=entry.newest.policy,
            multipliers=entry.newest.multipliers,
            kl_weights=entry.newest.kl_weights,
            images=tuple(sample.images for sample in samples) if self._images else (),
        )

    def _touch(self, entry: _Entry) -> None:
        self._revision += 1
        entry.revision = self._revision

    def _check(self, optimized: OptimizedTrajectories) -> None:
        task = self._task
        if optimized.instance.task != task.name:
            raise RefusedTrajectoriesError(
                f"task is {optimized.instance.task!r}, expected {task.name!r}"
            )
        if optimized.policy.K.shape != (task.horizon, task.dim_u, task.dim_x):
            raise RefusedTrajectoriesError(
                f"gains have shape {optimized.policy.K.shape}, "
                f"expected {(task.horizon, task.dim_u, task.dim_x)}"
            )
        if not optimized.samples:
            raise RefusedTrajectoriesError("there are no samples")
        for sample in optimized.samples:
            if sample.observations.shape != (task.horizon, task.dim_o):
                raise RefusedTrajectoriesError(
                    f"a sample has observations {sample.observations.shape}, "
                    f"expected {(task.horizon, task.dim_o)}"
                )
            if self._images and not sample.images:
                raise RefusedTrajectoriesError("a sample has no images to train vision with")
            if sample.instance.id != optimized.instance.id:
                raise RefusedTrajectoriesError(
                    f"a sample is of instance {sample.instance.id!r}, "
                    f"the labels are of {optimized.instance.id!r}"
                )
        if len(_by_id(optimized)) < len(optimized.samples):
            raise RefusedTrajectoriesError("two samples have the same rollout_id")

    def _forget(self, entry: _Entry) -> None:
        """Drop the oldest rollouts beyond the capacities, then instances that have none left."""
        while len(entry.rollouts) > self._per_instance:
            entry.rollouts.popitem(last=False)
        while self.rollouts > self._total:
            oldest = min(self._entries.values(), key=lambda e: next(iter(e.rollouts.values()))[0])
            oldest.rollouts.popitem(last=False)
            self._touch(oldest)
            self._entries = {key: e for key, e in self._entries.items() if e.rollouts}
        while len(self._seen) > 10 * self._total:  # long forgotten, and never repeated so late
            self._seen.popitem(last=False)


def _by_id(optimized: OptimizedTrajectories) -> dict[str, Trajectory]:
    """Sort samples by rollout id; one without is named by its place."""
    return {
        sample.rollout_id or f"{optimized.worker}/{optimized.iteration}/{index}": sample
        for index, sample in enumerate(optimized.samples)
    }


def _order(optimized: OptimizedTrajectories) -> tuple[int, int]:
    """Labels of an instance are newer if its iteration is, then the alternation."""
    return optimized.iteration, optimized.round

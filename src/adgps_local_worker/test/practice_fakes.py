"""A robot and a collective in this process, which note what is asked of them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from point_mass import TASK, global_policy

from adgps_core.global_policy import GlobalPolicy
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.tasks import Instance
from adgps_core.trajectory import Trajectory
from adgps_local_worker.checkpoint import load_state, save_state
from adgps_local_worker.local_state import LocalState
from adgps_local_worker.peers import Memory
from adgps_local_worker.sampling import (
    PolicyGoneError,
    RobotNotReadyError,
    RolloutError,
    RunnablePolicy,
)

_published: dict[Path, OptimizedTrajectories] = {}
"""What was published with each checkpoint; the node keeps the message in the checkpoint itself."""


class KilledError(Exception):
    """Practice ends here, as if its process had been killed."""


@dataclass
class FakeRobot:
    """Rolls policies out on the point mass.

    Parameters
    ----------
    events : what was asked for, in order.
    unable : numbers of the rollouts, counted from 0, that fail.
    away : the same, of those that fail because the robot is not ready.
    gone : the same, of those that fail because it has no such policy.
    """

    events: list[str]
    unable: Collection[int] = ()
    away: Collection[int] = ()
    gone: Collection[int] = ()
    policies: list[RunnablePolicy] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def reset(self, instance: Instance, seed: int) -> None:
        """Note it."""
        self.events.append(f"reset {instance.id}")
        self.starts.append(seed)

    def rollout(self, instance: Instance, policy: RunnablePolicy, seed: int) -> Trajectory:
        """Roll out, unless this is one of those that fail."""
        self.policies.append(policy)
        if len(self.policies) - 1 in self.away:
            raise RobotNotReadyError("the e-stop is pressed")
        if len(self.policies) - 1 in self.gone:
            raise PolicyGoneError("no such version")
        if len(self.policies) - 1 in self.unable:
            self.events.append(f"failure {instance.id}")
            raise RolloutError("the arm left its limits")
        self.events.append(f"rollout {instance.id}")
        return TASK.roll_out(instance, policy, seed)


@dataclass
class FakePeers:
    """A global policy that changes with every round of training, and a folder of memories.

    Parameters
    ----------
    events : what was asked for, in order.
    folder : of the checkpoints; None keeps none.
    rounds : that training has completed.
    killed : called with every event; may raise `KilledError`.
    """

    events: list[str]
    folder: Path | None = None
    rounds: int = 0
    killed: Callable[[str], None] = lambda event: None
    published: list[OptimizedTrajectories] = field(default_factory=list)
    states: list[LocalState] = field(default_factory=list)

    def global_policy(self) -> GlobalPolicy:
        """Return the policy after the rounds completed so far."""
        return global_policy(self.rounds)

    def publish(self, optimized: OptimizedTrajectories, state: LocalState) -> None:
        """Note it, and write a checkpoint as the node does."""
        self.published.append(optimized)
        self.states.append(state)
        if self.folder is not None:
            path = self._path(optimized.condition)
            save_state(path, state, {"round": np.asarray(optimized.round)})
            _published[path] = optimized
        self._note(f"publish {optimized.instance.id} {optimized.iteration} {optimized.round}")

    def wait_for_training(self, rounds: int) -> None:
        """Train at once."""
        self._note(f"wait {rounds}")
        self.rounds = max(self.rounds, rounds)

    def recall(self, instance: Instance) -> dict[str, Memory]:
        """Memory of an instance by its id, if there is one."""
        if not self._path(instance.id).exists():
            return {}
        state, extra = load_state(self._path(instance.id))
        optimized = _published[self._path(instance.id)]
        memory = Memory(state, optimized.instance, optimized.samples, int(extra["round"]))
        return {instance.id: memory}

    def _path(self, instance_id: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{instance_id.replace('/', '-')}.safetensors"

    def _note(self, event: str) -> None:
        self.events.append(event)
        self.killed(event)

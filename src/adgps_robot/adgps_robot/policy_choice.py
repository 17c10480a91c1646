"""Which policy a rollout runs, and with whose vision network it sees. No ROS."""

from __future__ import annotations

from collections.abc import Callable

from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.tasks import Task
from adgps_robot.goal import Goal
from adgps_robot.policy_versions import PolicyVersions
from adgps_robot.sampling import GlobalSampler, Sampler, choose_sampler


class PolicyChoice:
    """Global policies as they arrive, and the one that a rollout is frozen to.

    Parameters
    ----------
    task : what policies must fit.
    see_with : told a version before the first rollout that sees with its vision network; None:
        policies have no vision networks of their own.
    """

    def __init__(self, task: Task, see_with: Callable[[PolicyVersion], None] | None = None) -> None:
        self._task = task
        self._see_with = see_with
        self._versions = PolicyVersions()
        self.vision_version = PolicyVersion()
        """Policy whose vision network counts; 0.0: the pre-trained one."""

    @property
    def newest(self) -> GlobalPolicy | None:
        """The one that arrived last."""
        return self._versions.newest

    def hear(self, policy: GlobalPolicy) -> None:
        """Take a version; ValueError if it does not fit the task, or what the robot sees with."""
        architecture, task = policy.architecture, self._task
        sizes = (architecture.dim_o, architecture.dim_u)
        if sizes != (task.dim_o, task.dim_u):
            raise ValueError(
                f"the policy maps {sizes[0]} numbers to {sizes[1]}, "
                f"the task {task.dim_o} to {task.dim_u}"
            )
        if (architecture.vision is not None) != (self._see_with is not None):
            has = "a" if architecture.vision else "no"
            raise ValueError(f"the policy has {has} vision network of its own; see train_vision")
        self._versions.add(policy)

    def choose(self, goal: Goal) -> Sampler | None:
        """Freeze what a goal asks for; None while it is not there.

        A rollout of a local policy sees with the newest global one's vision network: what it
        records is what that one is trained on.
        """
        sampler = choose_sampler(goal, [*self._versions])
        if sampler is None:
            return None
        seeing = self.newest
        if isinstance(sampler, GlobalSampler):
            seeing = sampler.policy
            self._versions.note_run(seeing)
        if self._see_with is not None and seeing is not None:
            if seeing.version != self.vision_version:
                self.vision_version = seeing.version
                self._see_with(seeing.version)
        return sampler

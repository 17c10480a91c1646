"""Drawing actions from a policy: the local ones by state, the global one by observation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.typing import Array
from adgps_robot.goal import Goal


class Sampler(Protocol):
    """A policy, frozen for one rollout. Shapes: n ticks done, dX, dU, dO."""

    @property
    def version(self) -> PolicyVersion:
        """Version of the global policy; epoch 0 for a local one."""

    def act(self, t: int, state: Array, observation: Array, noise: Array) -> Array:
        """Action (dU,) at step t.

        Parameters
        ----------
        t : step.
        state : (dX,).
        observation : (dO,) in that state.
        noise : (dU,) standard normal, scaled.
        """

    def log_probabilities(self, states: Array, observations: Array, actions: Array) -> Array:
        """Log densities (n,) of actions (n, dU), whatever their noise was scaled with."""


@dataclass(frozen=True)
class LocalSampler:
    """A time-varying linear-Gaussian policy."""

    policy: LinearGaussianPolicy
    version: PolicyVersion = field(default_factory=PolicyVersion)

    def act(self, t: int, state: Array, observation: Array, noise: Array) -> Array:
        """Sample N(K_t x_t + k_t, C_t)."""
        return self.policy.act(t, state, noise)

    def log_probabilities(self, states: Array, observations: Array, actions: Array) -> Array:
        """Evaluate at states (n, dX); a rollout cut short uses the first n steps' densities."""
        count = len(actions)
        whole = self.policy
        policy = LinearGaussianPolicy(whole.K[:count], whole.k[:count], whole.C[:count])
        return policy.log_probability(states, actions)


@dataclass(frozen=True)
class GlobalSampler:
    """The global policy."""

    policy: GlobalPolicy

    @property
    def version(self) -> PolicyVersion:
        """Version of the policy parameters."""
        return self.policy.version

    def act(self, t: int, state: Array, observation: Array, noise: Array) -> Array:
        """Sample π(u | o)."""
        return self.policy.act(observation, noise)

    def log_probabilities(self, states: Array, observations: Array, actions: Array) -> Array:
        """Evaluate at observations (n, dO)."""
        return self.policy.log_probability(observations, actions)


def choose_sampler(goal: Goal, policies: Sequence[GlobalPolicy]) -> Sampler | None:
    """Pick the policy that a goal asks for; None while there is none.

    Parameters
    ----------
    goal : a local policy, or which version of the global one.
    policies : versions of the global policy at hand, the newest last.
    """
    if goal.policy is not None:
        return LocalSampler(goal.policy)
    for policy in reversed(policies):
        wanted = goal.minimum_version
        if policy.version == wanted or (policy.version > wanted and not goal.exact_version):
            return GlobalSampler(policy)
    return None

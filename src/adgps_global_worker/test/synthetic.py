"""Trajectories as a local worker would publish them, made up."""

import numpy as np

from adgps_core.optimized import OptimizedTrajectories
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import Instance, Task, make_task
from adgps_core.trajectory import Trajectory

TASK = make_task("reach")
INSTANCES = TASK.instances("training")


def local_policy(task: Task, rng: np.random.Generator) -> LinearGaussianPolicy:
    """Small random gains and feed-forward torques, with covariances of 0.5 (N·m)²."""
    horizon, dim_u, dim_x = task.horizon, task.dim_u, task.dim_x
    return LinearGaussianPolicy(
        np.tile(0.3 * rng.standard_normal((dim_u, dim_x)), (horizon, 1, 1)),
        np.tile(rng.standard_normal(dim_u), (horizon, 1)),
        np.tile(0.5 * np.eye(dim_u), (horizon, 1, 1)),
    )


def make_trajectory(
    instance: Instance, policy: LinearGaussianPolicy, rollout_id: str, rng: np.random.Generator
) -> Trajectory:
    """Run a local policy along random states."""
    horizon = policy.horizon
    offset, scale = TASK.observation_scaling
    spread = 1 / scale[: TASK.dim_x]
    states = offset[: TASK.dim_x] + spread * rng.standard_normal((horizon + 1, TASK.dim_x))
    noise = rng.standard_normal((horizon, TASK.dim_u))
    actions = np.stack([policy.act(t, states[t], noise[t]) for t in range(horizon)])
    return Trajectory(
        instance=instance,
        states=states,
        observations=TASK.observe(states[:-1], instance),
        actions_sampled=actions,
        actions_applied=actions,
        log_probabilities=policy.log_probability(states[:-1], actions),
        stamps=0.05 * np.arange(horizon + 1),
        lateness=np.zeros(horizon),
        rollout_id=rollout_id,
    )


def make_optimized(
    index: int = 0,
    iteration: int = 1,
    *,
    rollouts: int = 3,
    current_round: int = 0,
    seed: int | None = None,
    method: str = "badmm",
) -> OptimizedTrajectories:
    """One iteration on training instance `index`; the same arguments give the same message."""
    rng = np.random.default_rng([index, iteration] if seed is None else seed)
    instance = INSTANCES[index]
    policy = local_policy(TASK, np.random.default_rng(index))
    return OptimizedTrajectories(
        worker=f"/robot_{index + 1}/local_worker",
        iteration=iteration,
        method=method,
        instance=instance,
        samples=tuple(
            make_trajectory(instance, policy, f"{instance.id}/{iteration}/{n}", rng)
            for n in range(rollouts)
        ),
        policy=policy,
        sampling_policy=policy,
        multipliers=np.zeros((TASK.horizon, TASK.dim_u)),
        kl_weights=np.full(TASK.horizon, 0.1),
        round=current_round,
    )

"""Small made-up policies and trajectories, in which no two numbers are alike by accident."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import Instance
from adgps_core.trajectory import Trajectory
from adgps_core.typing import Array

T, DIM_X, DIM_U, DIM_O = 4, 3, 2, 5


def covariances(rng: np.random.Generator, count: int, dim: int) -> Array:
    """Symmetric positive-definite matrices (count, dim, dim)."""
    factors = rng.standard_normal((count, dim, dim))
    products: Array = factors @ factors.swapaxes(-1, -2) + 0.1 * np.eye(dim)
    return products


def make_policy(
    horizon: int = T, dim_x: int = DIM_X, dim_u: int = DIM_U, *, seed: int = 0
) -> LinearGaussianPolicy:
    """A local policy."""
    rng = np.random.default_rng(seed)
    return LinearGaussianPolicy(
        rng.standard_normal((horizon, dim_u, dim_x)),
        rng.standard_normal((horizon, dim_u)),
        covariances(rng, horizon, dim_u),
    )


def make_global_policy(architecture: Architecture | None = None, *, seed: int = 0) -> GlobalPolicy:
    """A global policy, every parameter of it random."""
    rng = np.random.default_rng(seed)
    architecture = architecture or Architecture(DIM_O, DIM_U, hidden=(6, 4), action_scale=3.0)
    return GlobalPolicy(
        architecture,
        rng.standard_normal(architecture.dim_o),
        rng.uniform(0.5, 2.0, architecture.dim_o),
        rng.standard_normal(architecture.size).astype(np.float32),
        PolicyVersion(2, 345),
    )


def trajectory_fields(*, seed: int = 0) -> dict[str, Any]:
    """Arguments of a sound trajectory."""
    rng = np.random.default_rng(seed)
    return {
        "instance": Instance("reach", "training/3", rng.standard_normal(9)),
        "states": rng.standard_normal((T + 1, DIM_X)),
        "observations": rng.standard_normal((T, DIM_O)),
        "actions_sampled": rng.standard_normal((T, DIM_U)),
        "actions_applied": rng.standard_normal((T, DIM_U)),
        "log_probabilities": rng.standard_normal(T),
        "stamps": np.append(0.0, np.cumsum(rng.uniform(0.01, 0.1, T))),
        "lateness": rng.uniform(0, 0.01, T),
        "policy_version": PolicyVersion(1, 2**40),
        "robot": "/robot_1",
        "rollout_id": f"training/3/{seed}",
        "seed": 2**64 - 1 - seed,
        "start_ns": 1_700_000_000_123_456_789,
        "measurements": {
            "imu": rng.standard_normal((T, 6)),
            "image_features": rng.standard_normal((T, 1)),
        },
    }


def make_trajectory(*, seed: int = 0) -> Trajectory:
    """A trajectory with measurements."""
    return Trajectory(**trajectory_fields(seed=seed))


def optimized_fields(*, method: str = "badmm") -> dict[str, Any]:
    """Arguments of sound optimised trajectories."""
    rng = np.random.default_rng(5)
    multipliers = rng.standard_normal((T, DIM_U))
    return {
        "worker": "/robot_1/local_worker",
        "iteration": 7,
        "method": method,
        "instance": Instance("reach", "training/3", rng.standard_normal(9)),
        "samples": (make_trajectory(seed=1), make_trajectory(seed=2)),
        "policy": make_policy(seed=3),
        "sampling_policy": make_policy(seed=4),
        "multipliers": multipliers if method == "badmm" else np.zeros_like(multipliers),
        "kl_weights": rng.uniform(0.1, 1.0, T),
        "round": 9,
    }


def make_optimized(*, method: str = "badmm") -> OptimizedTrajectories:
    """Two samples with their labels."""
    return OptimizedTrajectories(**optimized_fields(method=method))


def assert_same(left: Any, right: Any) -> None:
    """Equal to the last bit, types included."""
    assert type(left) is type(right)
    if is_dataclass(left):
        for field in fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name))
    elif isinstance(left, np.ndarray):
        assert (left.dtype, left.shape) == (right.dtype, right.shape)
        assert left.tobytes() == right.tobytes()
    elif isinstance(left, Mapping):
        assert list(left) == list(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right

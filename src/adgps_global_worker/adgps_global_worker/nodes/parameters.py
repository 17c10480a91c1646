"""ROS parameters of the global worker: what they are called, mean, and may be."""

from __future__ import annotations

from typing import Any

import numpy as np
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from adgps_core.tasks import TASKS, make_task
from adgps_global_worker.rate_limiter import RateLimiter, StepsPerRollout, StepsPerRound
from adgps_global_worker.replay_memory import ReplayMemory
from adgps_global_worker.trainer import TrainerSettings

MODES = ("async", "sync")

_PARAMETERS: dict[str, tuple[Any, str, tuple[float, float] | None]] = {
    "task": ("reach", f"Task to practise; one of {', '.join(TASKS)}.", None),
    "mode": (
        "async",
        "async: train while rollouts go on (ADGPS). sync: round by round (Algorithm 1).",
        None,
    ),
    "seed": (0, "Seed of the mini-batches.", (0, 2**62)),
    "trajectory_topics": (
        ["optimized_trajectories"],
        "Topics of the local workers to learn from.",
        None,
    ),
    "batch_size": (256, "Time steps in a mini-batch.", (1, 100_000)),
    "max_gradient_norm": (
        0.0,
        "Longer gradients are scaled down to this, so that one step with a very sure local "
        "policy does not undo the others; 0: never.",
        (0.0, 1e12),
    ),
    "weight_bound": (
        10.0,
        "Importance weights are confined to [1/bound, bound]: an upper bound on variance, and "
        "no rollout is lost where the weights say nothing; 1: equal weights.",
        (1.0, 1e300),
    ),
    "min_steps_per_rollout": (
        0.0,
        "async: gradient steps per rollout that the local workers wait for.",
        (0.0, 1e9),
    ),
    "max_steps_per_rollout": (
        20.0,
        "async: gradient steps per rollout after which to wait for the next rollouts.",
        (0.0, 1e9),
    ),
    "global_workers": (
        1,
        "async: global workers that share the server; each goes on, also without new rollouts, "
        "until it has taken an equal share of the steps.",
        (1, 10_000),
    ),
    "steps_per_round": (500, "sync: gradient steps in each round.", (1, 2**31)),
    "instances_expected": (
        [""],
        "sync: ids of the instances that each publish every round, e.g. training/0.",
        None,
    ),
    "replay_per_instance": (40, "Newest rollouts kept of one instance.", (1, 100_000)),
    "replay_total": (1000, "Newest rollouts kept of all instances.", (1, 1_000_000)),
    "train_vision": (
        False,
        "Train the policy's vision network too, from the images that trajectories carry.",
        None,
    ),
    "replay_depth": (20, "Messages a topic keeps for a worker that starts late.", (1, 10_000)),
    "server_timeout": (1.0, "Wait for an answer before a push is sent again [s].", (0.01, 60.0)),
}


def declare(node: Node) -> None:
    """Declare every parameter."""
    for name, (default, description, limits) in _PARAMETERS.items():
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if limits is not None:
            low, high = limits
            if isinstance(default, float):
                limit = FloatingPointRange(from_value=low, to_value=high)
                descriptor.floating_point_range = [limit]
            else:
                descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
        node.declare_parameter(name, default, descriptor)


def value(node: Node, name: str) -> Any:
    """Value of a parameter."""
    return node.get_parameter(name).value


def replay_memory(node: Node) -> ReplayMemory:
    """Build the replay memory; ValueError names what cannot be."""
    return ReplayMemory(
        make_task(value(node, "task")),
        value(node, "replay_per_instance"),
        value(node, "replay_total"),
        images=value(node, "train_vision"),
    )


def rate_limiter(node: Node) -> RateLimiter:
    """Build the rate limiter; ValueError names what would halt training."""
    mode = value(node, "mode")
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}, known: {', '.join(MODES)}")
    if mode == "sync":
        expected = [key for key in value(node, "instances_expected") if key]
        return StepsPerRound(value(node, "steps_per_round"), expected)
    return StepsPerRollout(
        value(node, "min_steps_per_rollout"),
        value(node, "max_steps_per_rollout"),
        value(node, "global_workers"),
    )


def trainer_settings(node: Node) -> TrainerSettings:
    """Read the settings of the gradients; ValueError names what cannot be."""
    return TrainerSettings(
        value(node, "batch_size"),
        value(node, "weight_bound"),
        value(node, "max_gradient_norm") or np.inf,
    )

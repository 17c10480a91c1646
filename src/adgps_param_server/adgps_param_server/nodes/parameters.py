"""ROS parameters of the parameter server: what they are called, mean, and may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from adgps_core.checkpoints import DamagedCheckpointError
from adgps_core.tasks import TASKS, make_task
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.storage import read_network
from adgps_param_server.checkpoints import CheckpointFolder
from adgps_param_server.initial_policy import initial_policy
from adgps_param_server.optimizers import KINDS, OptimizerConfiguration
from adgps_param_server.server import ServerState

_PARAMETERS: dict[str, tuple[Any, str, tuple[float, float] | None]] = {
    "task": ("reach", f"Task to practise; one of {', '.join(TASKS)}.", None),
    "hidden": ([64, 64], "Widths of the network's hidden layers.", (1, 10_000)),
    "action_scale": (1.0, "Torque that one unit of the network's output is [N*m].", (1e-6, 1e6)),
    "initial_log_variance": (
        0.0,
        "Logarithm of the untrained policy's variance, in units of action_scale squared.",
        (-20.0, 20.0),
    ),
    "vision": (
        "",
        "File of the pre-trained vision network that is trained with the policy; empty: none is.",
        None,
    ),
    "seed": (0, "Seed of the initial policy parameters.", (0, 2**62)),
    "optimizer": ("adam", f"One of {', '.join(KINDS)}.", None),
    "learning_rate": (1e-3, "Step size of the optimiser.", (0.0, 1e3)),
    "momentum": (0.9, "Momentum of sgd; the others ignore it.", (0.0, 1.0)),
    "weight_decay": (
        0.0,
        "L2 penalty on every policy parameter; adamw keeps it apart from the gradient.",
        (0.0, 1e3),
    ),
    "averaging": (
        1.0,
        "Updates that the average of the policy parameters reaches back; 1: no average.",
        (1.0, 1e6),
    ),
    "max_staleness": (
        -1,
        "Refuse gradients that more updates than this were made since; -1: never.",
        (-1, 2**31),
    ),
    "checkpoint_dir": ("", "Folder of the checkpoints; empty: none are written.", None),
    "checkpoint_period": (
        4.0,
        "Time between checkpoints [s]: the updates that a crash can undo.",
        (0.05, 5.0),
    ),
    "checkpoints_kept": (3, "How many of the newest checkpoints are kept.", (2, 1000)),
    "resume": (False, "Go on from the newest sound checkpoint, if there is one.", None),
    "publish_period": (0.5, "Shortest time between two publications [s].", (0.5, 60.0)),
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


def configuration(node: Node) -> dict[str, object]:
    """All parameters of the node, as JSON can hold them."""
    return {
        name: list(found) if name == "hidden" else found
        for name in _PARAMETERS
        for found in [value(node, name)]
    }


def fresh_state(node: Node) -> ServerState:
    """Untrained policy and optimiser as configured; ValueError names what cannot be."""
    policy = initial_policy(
        make_task(value(node, "task")),
        value(node, "hidden"),
        value(node, "action_scale"),
        value(node, "initial_log_variance"),
        np.random.default_rng(value(node, "seed")),
        _vision(node),
    )
    optimizer = OptimizerConfiguration(
        value(node, "optimizer"),
        value(node, "learning_rate"),
        value(node, "momentum"),
        value(node, "weight_decay"),
    )
    return ServerState(policy, optimizer)


def _vision(node: Node) -> VisionNetwork | None:
    """Read the vision network to begin with; ValueError if its file cannot be used."""
    path = value(node, "vision")
    try:
        return read_network(Path(path)) if path else None
    except (OSError, DamagedCheckpointError) as error:
        raise ValueError(f"vision: {error}") from error


def checkpoint_folder(node: Node) -> CheckpointFolder | None:
    """Where checkpoints go; None if none are written."""
    path = value(node, "checkpoint_dir")
    return CheckpointFolder(Path(path), value(node, "checkpoints_kept")) if path else None

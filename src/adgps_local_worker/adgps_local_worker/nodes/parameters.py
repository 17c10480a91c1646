"""ROS parameters of the local worker: what they are called, mean, and may be."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from adgps_core.checkpoints import DamagedCheckpointError
from adgps_core.demonstration import Demonstration, load_demonstrations
from adgps_core.phases import METHODS, OPTIMIZERS, Phase
from adgps_core.tasks import TASKS, Instance, Task, make_task
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.pi2 import COVARIANCES
from adgps_local_worker.schedule import Schedule

_PARAMETERS: dict[str, tuple[Any, str, tuple[float, float] | None]] = {
    "task": ("reach", f"Task to practise; one of {', '.join(TASKS)}.", None),
    "phases": (
        ["badmm+lqr:15"],
        f"What to practise in turn, each METHOD+OPTIMIZER:ITERATIONS; {' or '.join(METHODS)}, "
        f"{' or '.join(OPTIMIZERS)}, batches of rollouts of each instance.",
        None,
    ),
    "mode": (
        "async",
        "async: improve and publish after each batch (ADGPS). sync: round by round (Algorithm 1).",
        None,
    ),
    "instances": (["training/0"], "Ids of the instances to practise.", None),
    "samples": (5, "Rollouts N of a batch.", (2, 1000)),
    "alternations": (
        4,
        "sync: local and global optimisations for each batch of rollouts (K in figure 2).",
        (1, 1000),
    ),
    "seed": (0, "Seed of exploration and of the fits.", (0, 2**62)),
    "perturbation": (
        0.01,
        "Standard deviation of the initial joint angles [rad].",
        (0.0, 1.0),
    ),
    "rollout_timeout": (60.0, "Longest wait for one rollout [s].", (0.1, 3600.0)),
    "reset_timeout": (10.0, "Longest wait for one reset [s].", (0.1, 86400.0)),
    "replay_status_topics": (
        ["replay_status"],
        "Topics of the global workers to keep pace with.",
        None,
    ),
    "min_steps_per_rollout": (
        0.0,
        "async: gradient steps per rollout to wait for before the next batch.",
        (0.0, 1e9),
    ),
    "patience": (
        60.0,
        "Longest wait for the global workers after each batch or round [s].",
        (0.0, 86400.0),
    ),
    "replay_depth": (
        20,
        "Batches that the topic keeps for global workers that start late.",
        (1, 10_000),
    ),
    "checkpoint_dir": ("", "Folder of the checkpoints; empty: none are written.", None),
    "demonstration": (
        "",
        "File of demonstrations; the first local policies follow them. Empty: there are none.",
        None,
    ),
    "resume": (False, "Go on from the checkpoints, where there are any.", None),
}

_HYPER_PARAMETERS: dict[str, tuple[str, tuple[float, float] | None]] = {
    "kl_step": (
        "lqr: bound on the divergence of the new from the sampling policy, per step [nat].",
        (1e-6, 1e6),
    ),
    "pi2_kl": (
        "pi2: bound on the divergence of the weights from equal ones at each step [nat].",
        (1e-6, 1e3),
    ),
    "pi2_covariance": (
        f"pi2: how covariances follow the weighted rollouts, {' or '.join(COVARIANCES)}.",
        None,
    ),
    "pi2_smoothing": (
        "pi2: steps, as a standard deviation, over which changes of actions are averaged.",
        (0.0, 1e3),
    ),
    "step_multiplier_max": ("Most that the adaptive step size scales kl_step by.", (0.1, 1e6)),
    "prior_components": (
        "Components of the Gaussian mixtures behind dynamics and linearised policy.",
        (1, 1000),
    ),
    "prior_history": ("Newest batches of rollouts that the mixtures are fitted to.", (1, 1000)),
    "prior_points": (
        "Most transitions that a mixture is fitted to, drawn at random from those batches.",
        (1, 1_000_000),
    ),
    "prior_strength": ("Rollouts that a mixture's moments count as; 0: no prior.", (0.0, 1e6)),
    "prior_iterations": ("Steps of expectation-maximisation per update.", (1, 10_000)),
    "multiplier_rate": (
        "Step size alpha of the multipliers, which pull both policies together [1/(N*m)^2].",
        (0.0, 1e6),
    ),
    "kl_weight": (
        "Penalty nu on the divergence of both policies, at first, and MDGPS's [cost/nat].",
        (0.0, 1e9),
    ),
    "kl_weight_min": ("Least penalty nu [cost/nat].", (0.0, 1e9)),
    "kl_weight_max": ("Greatest penalty nu [cost/nat].", (0.0, 1e9)),
    "initial_pull": (
        "Joint angles that the first local policy pulls to, from the start pose [rad].",
        (-6.3, 6.3),
    ),
    "initial_stiffness": (
        "Joint stiffness of the first local policy, one number a joint [N*m/rad].",
        (0.0, 1e6),
    ),
    "initial_damping": (
        "Joint damping of the first local policy, one number a joint [N*m*s/rad].",
        (0.0, 1e6),
    ),
    "initial_noise": (
        "Exploration noise of the first local policy, standard deviation of each joint [N*m].",
        (1e-6, 1e6),
    ),
    "demonstration_stiffness": (
        "Joint stiffness of a first local policy that follows a demonstration [N*m/rad].",
        (0.0, 1e6),
    ),
    "demonstration_damping": (
        "Joint damping of a first local policy that follows a demonstration [N*m*s/rad].",
        (0.0, 1e6),
    ),
    "demonstration_noise": (
        "Exploration noise of a first local policy that follows a demonstration [N*m].",
        (1e-6, 1e6),
    ),
}


def declare(node: Node) -> None:
    """Declare every parameter; defaults of hyper-parameters are those of their class."""
    for name, (default, description, limits) in _PARAMETERS.items():
        node.declare_parameter(name, default, _descriptor(default, description, limits))
    for field in fields(LocalConfiguration):
        description, limits = _HYPER_PARAMETERS[field.name]
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        node.declare_parameter(field.name, default, _descriptor(default, description, limits))


def value(node: Node, name: str) -> Any:
    """Value of a parameter."""
    return node.get_parameter(name).value


def task(node: Node) -> Task:
    """Build the task; ValueError names what is not known."""
    return make_task(value(node, "task"))


def instances(node: Node, of: Task) -> tuple[Instance, ...]:
    """Training instances to practise; ValueError names what is not known."""
    ids = list(value(node, "instances"))
    known = {instance.id: instance for instance in of.instances("training")}
    if unknown := sorted(set(ids) - set(known)):
        raise ValueError(f"unknown instances {', '.join(unknown)}, known: {', '.join(known)}")
    if len(set(ids)) != len(ids) or not ids:
        raise ValueError(f"instances must name each instance once, not {ids}")
    return tuple(known[key] for key in ids)


def configuration(node: Node, of: Task) -> LocalConfiguration:
    """Hyper-parameters of the update; ValueError names what cannot be."""
    found = {field.name: value(node, field.name) for field in fields(LocalConfiguration)}
    lists = [name for name, default in found.items() if not isinstance(default, int | float | str)]
    made = LocalConfiguration(**found | {name: tuple(found[name]) for name in lists})
    for name in lists:
        if len(found[name]) != of.dim_u:
            raise ValueError(
                f"{name} has {len(found[name])} numbers, the task {of.name} {of.dim_u} joints"
            )
    return made


def demonstrations(node: Node, of: Task) -> tuple[Demonstration, ...]:
    """Read the demonstrations; ValueError or OSError if they are none of the task."""
    path = value(node, "demonstration")
    if not path:
        return ()
    try:
        found = load_demonstrations(Path(path))
    except FileNotFoundError as error:
        raise ValueError(f"demonstration: there is no file {path}") from error
    except DamagedCheckpointError as error:
        raise ValueError(f"demonstration: {error}") from error
    expected = (of.name, of.horizon, of.dim_u)
    for each in found:
        if (each.instance.task, each.horizon, each.dim_u) != expected:
            raise ValueError(
                f"demonstration: {path} holds one of {each.instance.task}, {each.horizon} steps of"
                f" {each.dim_u} joints, not of {of.name}, {of.horizon} steps of {of.dim_u} joints"
            )
    if not found:
        raise ValueError(f"demonstration: {path} holds none")
    return found


def schedule(node: Node) -> Schedule:
    """Read what to practise; ValueError names what cannot be."""
    return Schedule(
        phases=tuple(Phase.parse(text) for text in value(node, "phases")),
        samples=value(node, "samples"),
        seed=value(node, "seed"),
        mode=value(node, "mode"),
        alternations=value(node, "alternations"),
    )


def checkpoint_folder(node: Node) -> Path | None:
    """Where checkpoints go; None if none are written."""
    path = value(node, "checkpoint_dir")
    return Path(path) if path else None


def _descriptor(
    default: Any, description: str, limits: tuple[float, float] | None
) -> ParameterDescriptor:
    """Read-only, with a range where there is one."""
    descriptor = ParameterDescriptor(description=description, read_only=True)
    if limits is not None:
        low, high = limits
        # rclpy checks single numbers only; the configuration refuses wrong lists.
        if isinstance(default, float | list):
            limit = FloatingPointRange(from_value=low, to_value=high)
            descriptor.floating_point_range = [limit]
        else:
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
    return descriptor

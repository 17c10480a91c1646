"""Parameters describe themselves, and what cannot be is refused by name."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from adgps_core.demonstration import Demonstration, save_demonstrations
from adgps_core.tasks import Instance
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.nodes import parameters
from adgps_local_worker.schedule import Schedule


@contextmanager
def _declared(**values: Any) -> Iterator[Node]:
    """A node with the worker's parameters, some of them set."""
    context = rclpy.Context()
    rclpy.init(context=context)
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node = rclpy.create_node("declared", context=context, parameter_overrides=overrides)
    try:
        parameters.declare(node)
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def _build(node: Node) -> None:
    """Build everything that the node builds of its parameters."""
    task = parameters.task(node)
    parameters.instances(node, task)
    parameters.schedule(node)
    parameters.configuration(node, task)


def test_every_parameter_says_what_it_is() -> None:
    """A description, read-only, a range where it is a number; no hyper-parameter is missing."""
    with _declared() as node:
        automatic = {"use_sim_time", "start_type_description_service"}
        declared = [p for p in node._parameters.values() if p.name not in automatic]
        for parameter in declared:
            descriptor = node.describe_parameter(parameter.name)
            assert re.fullmatch(r"[A-Za-z].{10,}\.", descriptor.description), parameter.name
            assert descriptor.read_only
            if parameter.type_ == Parameter.Type.DOUBLE:
                assert descriptor.floating_point_range, parameter.name
            if parameter.type_ == Parameter.Type.INTEGER:
                assert descriptor.integer_range, parameter.name
        names = {parameter.name for parameter in declared}
        assert names >= {field.name for field in fields(LocalConfiguration)}


def test_defaults_are_those_of_the_classes() -> None:
    """And what is set arrives where it belongs."""
    with _declared() as node:
        task = parameters.task(node)
        assert parameters.configuration(node, task) == LocalConfiguration()
        assert parameters.checkpoint_folder(node) is None
    with _declared(
        kl_step=0.25,
        initial_noise=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        instances=["training/2", "training/0"],
        mode="sync",
        seed=7,
        checkpoint_dir="/somewhere",
    ) as node:
        task = parameters.task(node)
        made = parameters.configuration(node, task)
        assert made.kl_step == 0.25 and made.initial_noise == (1, 2, 3, 4, 5, 6, 7)
        assert [i.id for i in parameters.instances(node, task)] == ["training/2", "training/0"]
        schedule = parameters.schedule(node)
        assert isinstance(schedule, Schedule) and (schedule.mode, schedule.seed) == ("sync", 7)
        assert str(parameters.checkpoint_folder(node)) == "/somewhere"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"task": "dance"}, "dance"),
        ({"phases": ["magic+lqr:3"]}, "magic"),
        ({"phases": ["badmm+lbfgs:3"]}, "lbfgs"),
        ({"phases": ["badmm+lqr"]}, "no phase"),
        ({"mode": "both"}, "both"),
        ({"instances": ["training/0", "training/99"]}, "training/99"),
        ({"instances": ["training/0", "training/0"]}, "once"),
        ({"instances": ["test/0"]}, "test/0"),
        ({"samples": 1}, "samples"),
        ({"phases": ["badmm+lqr:0"]}, "iteration"),
        ({"samples": 2.5}, "samples"),
        ({"kl_step": -1.0}, "kl_step"),
        ({"pi2_covariance": "full"}, "pi2_covariance"),
        ({"kl_weight": 2.0, "kl_weight_max": 1.0}, "kl_weight"),
        ({"initial_noise": [1.0, 1.0]}, "initial_"),
        (
            {f"initial_{name}": [1.0, 1.0] for name in ("pull", "stiffness", "damping", "noise")},
            "has 2 numbers, the task reach 7 joints",
        ),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, Any], reason: str) -> None:
    """With the errors that the node turns into one line."""
    with (
        pytest.raises((ValueError, ParameterException), match=reason),
        _declared(**values) as node,
    ):
        _build(node)


def _shown(task: str = "reach", horizon: int = 100, dim_u: int = 7) -> Demonstration:
    still = np.zeros((horizon + 1, dim_u))
    return Demonstration(Instance(task, "training/0", np.zeros(9)), still, still, still[1:])


def test_demonstrations_are_read_from_their_file(tmp_path: Path) -> None:
    """All of them; none where no file is named."""
    path = tmp_path / "demonstrations.safetensors"
    save_demonstrations(path, [_shown(), _shown()])
    with _declared(demonstration=str(path)) as node:
        assert len(parameters.demonstrations(node, parameters.task(node))) == 2
    with _declared() as node:
        assert parameters.demonstrations(node, parameters.task(node)) == ()


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ([_shown("drawer")], "holds one of drawer"),
        ([_shown(), _shown(horizon=99)], "99 steps of 7 joints, not of reach, 100 steps"),
        ([_shown(dim_u=6)], "100 steps of 6 joints"),
        ([], "holds none"),
    ],
)
def test_demonstrations_of_something_else_are_refused(
    tmp_path: Path, shown: list[Demonstration], reason: str
) -> None:
    """Naming what they are of."""
    path = tmp_path / "demonstrations.safetensors"
    save_demonstrations(path, shown)
    with _declared(demonstration=str(path)) as node, pytest.raises(ValueError, match=reason):
        parameters.demonstrations(node, parameters.task(node))


@pytest.mark.parametrize("content", [None, b"not a checkpoint"])
def test_a_file_without_demonstrations_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """One that is not there, or holds something else."""
    path = tmp_path / "demonstrations.safetensors"
    if content is not None:
        path.write_bytes(content)
    with (
        _declared(demonstration=str(path)) as node,
        pytest.raises(ValueError, match=rf"demonstration: .*{path}"),
    ):
        parameters.demonstrations(node, parameters.task(node))


def test_the_readme_names_every_parameter() -> None:
    """And none that there is not."""
    text = (Path(__file__).parents[1] / "README.md").read_text()
    table = text[text.index("| parameter |") :]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    cells = [cell for _, name, _, meaning, _ in rows for cell in (name, meaning)]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} - {"sync"}
    with _declared() as node:
        automatic = {"use_sim_time", "start_type_description_service"}
        assert named == set(node._parameters) - automatic

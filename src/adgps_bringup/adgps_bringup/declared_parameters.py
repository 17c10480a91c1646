"""Which parameters the nodes declare, so that a wrong one is named before anything is started.

ROS itself ignores a misspelt parameter without a word, and a node that is given a wrong type ends
only when it has been started.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from adgps_bringup.description import NodeDescription
from adgps_bringup.parameter_files import ParameterFileError, load, matches

_DECLARED_IN = {
    "param_server": "adgps_param_server.nodes.parameters",
    "global_worker": "adgps_global_worker.nodes.parameters",
    "local_worker": "adgps_local_worker.nodes.parameters",
    "sim_robot": "adgps_sim.nodes.sim_robot",
    "guided_robot": "adgps_sim.nodes.guided_robot",
    "torque_controller": "adgps_robot.nodes.parameters",
    "bag_player": "adgps_bringup.bags.bag_player",
    "recorder": "adgps_bringup.bags.recorder",
    "trajectory_player": "adgps_bringup.bags.trajectory_player",
    "camera_driver": "adgps_robot.nodes.camera_driver",
    "feature_extractor": "adgps_robot.nodes.feature_extractor",
    "imu_driver": "adgps_robot.nodes.imu_driver",
    "torque_gate": "adgps_robot.nodes.gate_parameters",
    "reset_server": "adgps_robot.nodes.reset_parameters",
}
"""Modules with a function `declare(node)`; they are imported only for nodes that are asked about,
as some take seconds."""

_OF_EVERY_NODE = ("use_sim_time", "start_type_description_service")

_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number with a decimal point",
    str: "text",
}


@dataclass(frozen=True)
class Declared:
    """One parameter that a node declares.

    Parameters
    ----------
    kind : type of the value, or of each item if it is a list.
    is_list : whether it is.
    bounds : least and greatest value; None where there are none.
    """

    kind: type
    is_list: bool
    bounds: tuple[float, float] | None

    def objection(self, value: object) -> str:
        """Say what is wrong with a value; nothing if nothing is."""
        items: list[Any] = value if isinstance(value, list) else [value]
        if isinstance(value, list) != self.is_list or any(type(i) is not self.kind for i in items):
            expected = f"a list, each item {_KINDS[self.kind]}" if self.is_list else ""
            return f"must be {expected or _KINDS[self.kind]}, not {value!r}"
        if self.bounds is not None:
            low, high = self.bounds
            if not all(low <= item <= high for item in items):
                return f"must be from {low:g} to {high:g}, not {value!r}"
        return ""


class _Recorder:
    """Stands in for a node while its parameters are declared."""

    def __init__(self) -> None:
        self.declared: dict[str, Declared] = {}

    def declare_parameter(self, name: str, default: Any, descriptor: Any) -> None:
        """Note what a node would declare."""
        is_list = isinstance(default, list | tuple)
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        bounds = (ranges[0].from_value, ranges[0].to_value) if ranges else None
        self.declared[name] = Declared(type(default[0] if is_list else default), is_list, bounds)


@cache
def declared(node: str) -> dict[str, Declared]:
    """Parameters that the nodes of a name declare, by their names."""
    recorder = _Recorder()
    import_module(_DECLARED_IN[node]).declare(recorder)
    return recorder.declared


def check_values(descriptions: Iterable[NodeDescription], files: Iterable[Path]) -> None:
    """Refuse files with a parameter that no node has, or with a value that it cannot have."""
    names = [name for item in descriptions for name in item.full_node_names]
    for path in files:
        for pattern, values in load(path):
            nodes = {name.rpartition("/")[2] for name in names if matches(pattern, name)}
            for name, value in values.items():
                _check(path, pattern, sorted(nodes), name, value)


def _check(path: Path, pattern: str, nodes: list[str], name: str, value: object) -> None:
    """Refuse one parameter that none of the nodes has, or one of them cannot take."""
    if name in _OF_EVERY_NODE or name.startswith("qos_overrides."):
        return
    having = [node for node in nodes if name in declared(node)]
    if not having:
        known = [other for node in nodes for other in declared(node)]
        similar = get_close_matches(name, known, n=1)
        hint = f", did you mean {similar[0]}?" if similar else ""
        raise ParameterFileError(f"{path}: {pattern} has no parameter {name}{hint}")
    for node in having:
        objection = declared(node)[name].objection(value)
        if objection:
            raise ParameterFileError(f"{path}: {name} of {node} {objection}")

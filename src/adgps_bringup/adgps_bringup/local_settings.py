"""Hyper-parameters of a task's own files, for who works without ROS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adgps_bringup.parameter_files import load
from adgps_bringup.resources import hyper_parameters
from adgps_local_worker.configuration import LocalConfiguration


def own_parameters(task: str, method: str, optimizer: str, node: str) -> dict[str, Any]:
    """What a task's own files say of the nodes of a name, "local_worker" for example."""
    found: dict[str, Any] = {}
    for path in hyper_parameters(task, method, optimizer):
        for pattern, parameters in load(path):
            if pattern.endswith(f"/{node}"):
                found |= parameters
    return found


def local_configuration(task: str, method: str, optimizer: str) -> LocalConfiguration:
    """What the local workers of a task are started with."""
    found = own_parameters(task, method, optimizer, "local_worker")
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
        if name in LocalConfiguration.__dataclass_fields__
    }
    return replace(LocalConfiguration(), **known)

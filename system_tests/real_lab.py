"""A lab with two arms behind drivers of their own, as a user's file of robots has it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from arm_stand_in import COMMAND_NAMES
from stack_process import TINY
from torque_path import STAND_IN, stop

from adgps_bringup.processes import environment
from adgps_bringup.real_robots import RealRobot
from adgps_sim.world import URDF

ARMS = ("/left", "/right")

SETTINGS: dict[str, dict[str, Any]] = {
    **TINY,
    # The machine is shared; how late a tick may be is not what is tested here.
    "/**/torque_controller": {"lateness_budget": 0.3, "gate_timeout": 2.0, "motion.speed": 0.5},
    "/**/torque_gate": {"command_timeout": 0.1, "state_timeout": 0.3, "max_state_age": 0.3},
}


@contextmanager
def drivers(
    inside: Sequence[str] = (), variables: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run the arms' drivers, started by nobody of the stack.

    Parameters
    ----------
    inside : command line that the drivers' own are appended to, for another host.
    variables : of their environment, beside what a ROS process has.
    """
    processes = [
        subprocess.Popen(
            [*inside, sys.executable, str(STAND_IN), "--ros-args", "-r", f"__ns:={arm}"],
            env={**os.environ, **environment(), **(variables or {})},
        )
        for arm in ARMS
    ]
    try:
        yield
    finally:
        stop(processes)


def robots(namespaces: Sequence[str], **more: Any) -> list[RealRobot]:
    """The robots, one for each arm; more is said of each."""
    return [
        RealRobot(
            namespace=namespace,
            urdf=str(URDF),
            joint_states=f"{arm}/joint_states",
            commands=f"{arm}/effort_controller/commands",
            command_joint_names=COMMAND_NAMES,
            confirm=False,
            **more,
        )
        for namespace, arm in zip(namespaces, ARMS, strict=True)
    ]

"""From the description of a node to the command that starts it, and its environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from adgps_bringup import parameter_files
from adgps_bringup.description import NodeDescription
from adgps_bringup.resources import executable, launch_folder
from adgps_bringup.supervisor import Command


def environment() -> dict[str, str]:
    """Variables of every process of a stack that the user has not set.

    Nodes look for each other on this host, unless the user says how far to look. Numerical
    libraries get one thread each: the processes already share the cores, and more threads than
    cores make small matrices slower.
    """
    defaults = {
        "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
        **_discovery(),
        "PYTHONUNBUFFERED": "1",
        "RCUTILS_COLORIZED_OUTPUT": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Freed memory stays in the heap: giving back and faulting in megabytes for every
        # trajectory costs more than sending it.
        "MALLOC_MMAP_THRESHOLD_": "67108864",
        "MALLOC_TRIM_THRESHOLD_": "134217728",
        "MALLOC_TOP_PAD_": "16777216",
    }
    return {key: value for key, value in defaults.items() if key not in os.environ}


def _discovery() -> dict[str, str]:
    """How far nodes look for each other, and the profile of Fast DDS for that."""
    local = "SYSTEM_DEFAULT"  # what the profile says
    chosen = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", local)
    profiles = "fastdds_localhost.xml" if chosen == local else "fastdds.xml"
    return {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": local,
        "FASTRTPS_DEFAULT_PROFILES_FILE": str(launch_folder() / "config" / profiles),
    }


def check_executables(nodes: Iterable[NodeDescription]) -> None:
    """Refuse to start what is not installed; FileNotFoundError with the remedy."""
    for node in nodes:
        executable(node.package, node.executable)


def commands(
    nodes: Iterable[NodeDescription], parameter_folder: Path, variables: Mapping[str, str]
) -> list[Command]:
    """Commands for nodes; writes the resolved parameters of each into parameter_folder.

    Raises
    ------
    FileNotFoundError
        If an executable is not installed.
    ValueError
        If a parameter file cannot be used.
    """
    parameter_folder.mkdir(parents=True, exist_ok=True)
    return [
        Command(
            name=node.name,
            arguments=command_line(node, write_parameters(node, parameter_folder)),
            environment={**os.environ, **variables},
            required=node.required,
            respawn=node.respawn,
            farewell=node.farewell,
            nice=node.nice,
        )
        for node in nodes
    ]


def write_parameters(node: NodeDescription, folder: Path) -> Path:
    """Write the resolved parameters of a process as a ROS parameter file."""
    path = folder / f"{node.name.replace('/', '.')}.yaml"
    path.write_text(parameter_files.dump(parameter_files.resolve(node)), encoding="utf-8")
    return path


def command_line(node: NodeDescription, parameters: Path) -> list[str]:
    """Program and arguments that start a process."""
    program = str(executable(node.package, node.executable))
    remappings = [f"__ns:={node.namespace}", *(f"{old}:={new}" for old, new in node.remappings)]
    flags = [item for remapping in remappings for item in ("-r", remapping)]
    # The output is kept by the supervisor; rcl need not write it to the home folder once more.
    quiet = ["--disable-external-lib-logs"]
    return [program, "--ros-args", *flags, "--params-file", str(parameters), *quiet]

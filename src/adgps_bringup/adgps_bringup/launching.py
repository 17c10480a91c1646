"""From the description of nodes to launch_ros actions, for the launch files."""

from __future__ import annotations

from collections.abc import Iterable

from launch.actions import SetEnvironmentVariable
from launch.events.process import ProcessExited
from launch_ros.actions import Node

from adgps_bringup.processes import environment
from adgps_bringup.stack import NodeDescription
from adgps_bringup.supervisor import RespawnLimit
from launch import LaunchContext, LaunchDescriptionEntity


def launch_nodes(nodes: Iterable[NodeDescription]) -> list[LaunchDescriptionEntity]:
    """Environment and actions for nodes; launch stops and fails when a required one ends."""
    variables = [SetEnvironmentVariable(key, value) for key, value in environment().items()]
    return [*variables, *(launch_node(node) for node in nodes)]


def launch_node(node: NodeDescription) -> Node:
    """Action that starts a node as the supervisor would."""
    limit = RespawnLimit()
    deaths = 0

    def on_exit(event: ProcessExited, context: LaunchContext) -> None:
        # launch calls this after every exit, and itself ends with status 0 whatever its processes
        # ended with; only an exception makes it fail.
        nonlocal deaths
        deaths += 1
        respawned = node.respawn and deaths <= limit.restarts
        if node.required and not respawned and not context.is_shutdown:
            raise RuntimeError(f"{node.name} ended with status {event.returncode}")

    return Node(
        package=node.package,
        executable=node.executable,
        name=node.nodes[0] if len(node.nodes) == 1 else None,
        namespace=node.namespace,
        exec_name=node.name,
        parameters=[*map(str, node.parameter_files), _plain(node)],
        remappings=list(node.remappings),
        respawn=node.respawn,
        respawn_delay=limit.pause,
        respawn_max_retries=limit.restarts,
        output="screen",
        on_exit=on_exit,
    )


def _plain(node: NodeDescription) -> dict[str, bool | int | float | str | list[str]]:
    """Parameters of a node with sequences as the lists that launch_ros knows."""
    return {
        key: value if isinstance(value, bool | int | float | str) else list(value)
        for key, value in node.parameters.items()
    }

"""From launch arguments to a recorder or a player of bags."""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescriptionEntity
from launch.actions import SetEnvironmentVariable

from adgps_bringup.bags.reader import readable
from adgps_bringup.bags.selection import ALL_TOPICS, compile_topics
from adgps_bringup.description import BAG, NodeDescription
from adgps_bringup.launching import launch_node
from adgps_bringup.processes import check_executables, environment
from adgps_bringup.run_folder import running_domain
from adgps_bringup.stack_bags import describe_player, describe_recorder


def launch_recorder(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Record a run that is going on, in its own domain; ValueError if none is."""
    arguments = context.launch_configurations
    run = Path(arguments["run"]).expanduser().absolute()
    topics = ALL_TOPICS if arguments["all"] == "true" else arguments["topics"]
    compile_topics(topics)
    bag = Path(arguments["output"]).expanduser().absolute() if arguments["output"] else run / BAG
    recorder = describe_recorder(bag, topics, arguments["storage"])
    domain = SetEnvironmentVariable("ROS_DOMAIN_ID", str(running_domain(run)))
    return [domain, *_start(recorder, context)]


def launch_player(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Play a bag; ValueError if there is none."""
    arguments = context.launch_configurations
    bag = readable(Path(arguments["bag"]).expanduser().absolute())
    compile_topics(arguments["topics"])
    player = describe_player(
        bag,
        topics=arguments["topics"],
        rate=float(arguments["rate"]),
        loop=arguments["loop"] == "true",
        paused=arguments["paused"] == "true",
        allow_commands=arguments["allow_commands"] == "true",
    )
    return _start(player, context)


def _start(node: NodeDescription, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Environment and action that start a node."""
    check_executables([node])
    variables = (SetEnvironmentVariable(*item) for item in environment().items())
    return [*variables, launch_node(node, context)]

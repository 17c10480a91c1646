"""The stack that trains from a bag: nobody practises, recorded trajectories are played instead.

param_server            /                the global policy's parameters
global_worker           /robot_i         Algorithm 3, one for each robot of the bag;
                                         /global_worker_j where another number was asked for
trajectory_player       /                plays the bag at their pace
simulated_robot         /robot_i         for the evaluation at the end
"""

from __future__ import annotations

from dataclasses import replace

from adgps_bringup.bags.dataset import Survey
from adgps_bringup.description import PLAYER, NodeDescription, Stack
from adgps_bringup.links import link
from adgps_bringup.options import MAX_PARTICIPANTS, StackOptions
from adgps_bringup.parameter_files import resolve
from adgps_bringup.stack import describe_global_workers, describe_server
from adgps_bringup.stack_bags import describe_recorders
from adgps_bringup.stack_robots import describe_robots

_DEFAULT_STEPS_PER_ROLLOUT = 20.0


def options_for(options: StackOptions, found: Survey) -> StackOptions:
    """Choices that follow from the bag: the method, and that nobody waits for rounds.

    Raises
    ------
    ValueError
        If the bag is of another task, or has too many robots for one host.
    """
    if found.task != options.task:
        raise ValueError(f"{options.from_bag} holds trajectories of {found.task}")
    workers = options.global_workers or len(found.topics)
    others = 3 + bool(options.record) + options.robots  # server, player, command line
    if workers + others > MAX_PARTICIPANTS:
        raise ValueError(
            f"{workers} global workers and {options.robots} robots are more than the"
            f" {MAX_PARTICIPANTS} processes that find each other on one host; give --robots or"
            " --global-workers"
        )
    return replace(options, method=found.method, mode="async")


def describe_from_bag(options: StackOptions, found: Survey) -> Stack:
    """Describe the stack; the phases are those of the recording, and unknown."""
    workers = options.global_workers or len(found.topics)
    links = link(found.robots, workers, all_wait=False)
    global_workers = describe_global_workers(
        options, links, {robot: ("",) for robot in found.robots}
    )
    steps = [
        parameters.get("max_steps_per_rollout", _DEFAULT_STEPS_PER_ROLLOUT)
        for worker in global_workers
        for parameters in resolve(worker).values()
    ]
    player = NodeDescription(
        package="adgps_bringup",
        executable=PLAYER,
        nodes=(PLAYER,),
        namespace="/",
        parameters={
            "task": options.policy_task,
            "bag": str(options.from_bag),
            "listeners": tuple(
                f"{topic} {status}"
                for topic, statuses in zip(found.topics, links.status_topics, strict=True)
                for status in statuses
            ),
            "steps_per_rollout": float(str(steps[0])),
        },
        parameter_files=options.parameter_files,
    )
    nodes = (
        *describe_recorders(options),
        describe_server(options),
        *describe_robots(options),
        *global_workers,
        player,
    )
    return Stack(options, (), nodes, practising=found.robots)

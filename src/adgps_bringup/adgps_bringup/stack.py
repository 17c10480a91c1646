"""The stack: which nodes, in which namespaces, with which parameters.

The supervisor and the launch files both start what `describe_stack` describes, and nothing else.

    param_server            /                the global policy's parameters
    simulated_robot         /robot_i         simulator, torque controller and, where policies see,
                                             feature extractor in one process
    local_worker            /robot_i         Algorithm 2
    global_worker           /robot_i         Algorithm 3; /global_worker_j if not one per robot
    recorder                /                a bag of the run, where asked for

Real robots (see real_robots.py) have, in place of simulated_robot,

    torque_gate             /robot_i         the only one that sends torques to the arm's driver
    torque_controller       /robot_i
    reset_server            /robot_i
    camera_driver, imu_driver                where the file of robots names such a device
    feature_extractor       /robot_i         where policies see
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from adgps_bringup.description import (
    DEMONSTRATIONS,
    GLOBAL_WORKER,
    LOCAL_WORKER,
    SERVER,
    VISION,
    NodeDescription,
    Parameter,
    Stack,
    derived_seed,
    robot_names,
    server_checkpoints,
    share_out,
)
from adgps_bringup.links import Links, link
from adgps_bringup.options import MAX_PARTICIPANTS, StackOptions
from adgps_bringup.real_robots import read_robots
from adgps_bringup.schedule import choose_phases
from adgps_bringup.stack_bags import describe_recorders
from adgps_bringup.stack_robots import describe_robots
from adgps_core.tasks import make_task

LOCAL_NICE, GLOBAL_NICE = 5, 19
"""Niceness of workers beside robots in real time, who have to tick in time: gradients can wait, and
a local worker, whose robot stands still meanwhile, comes before them."""


def describe_stack(options: StackOptions) -> Stack:
    """Describe what runs on this machine for training: the whole stack, unless it has a role.

    Raises
    ------
    ValueError
        If `options.run` is None: the nodes keep their checkpoints there; or if the task needs
        demonstrations and there are none.
    """
    if options.run is None:
        raise ValueError("training needs a run folder")
    task = make_task(options.policy_task)
    if options.demo is None:
        task.shown(())  # refused by a task that demonstrations define
    shares = share_out(options.practised, options.robots)
    names = robot_names(options)
    links = link(names, options.number_of_global_workers, all_wait=options.mode == "sync")
    phases = choose_phases(options)
    shown: dict[str, Parameter] = {}
    if options.demo is not None:
        if not any(phase.method == "badmm" for phase in phases):
            raise ValueError(
                "local policies begin with the demonstrations, and mdgps has none that last:"
                " a phase of badmm is needed"
            )
        shown = {"demonstration": str(options.run / DEMONSTRATIONS)}
    waiting: list[dict[str, Parameter]] = [{} for _ in shares]
    if options.robots_file is not None:
        robots = read_robots(options.robots_file)
        waiting = [{"reset_timeout": robot.reset_timeout} for robot in robots]
    local_workers = tuple(
        NodeDescription(
            package="adgps_local_worker",
            executable=LOCAL_WORKER,
            nodes=(LOCAL_WORKER,),
            namespace=namespace,
            parameters={
                "task": options.policy_task,
                "mode": options.mode,
                "phases": tuple(str(phase) for phase in phases),
                "instances": shares[index],
                "seed": options.seed,  # exploration depends on seed and instance, not on the robot
                "replay_status_topics": links.status_topics[index],
                **waiting[index],
                **shown,
                **_keeping(options.run / "checkpoints" / "local_workers"),
            },
            parameter_files=options.parameter_files,
            respawn=True,
            nice=0 if options.lock_step else LOCAL_NICE,
        )
        for index, namespace in enumerate(names)
    )
    instances_of = dict(zip(names, shares, strict=True))
    everywhere = {
        "server": (*describe_recorders(options), describe_server(options)),
        "robot": describe_robots(options),
        "workers": (*describe_global_workers(options, links, instances_of), *local_workers),
    }
    nodes = [node for role, part in everywhere.items() if options.plays(role) for node in part]
    here = _on_this_machine(options, nodes)
    elsewhere = [node for part in everywhere.values() for node in part if node not in here]
    return Stack(options, phases, here, elsewhere=tuple(elsewhere))


def describe_server(options: StackOptions) -> NodeDescription:
    """Describe the parameter server."""
    assert options.run is not None
    return NodeDescription(
        package="adgps_param_server",
        executable=SERVER,
        nodes=(SERVER,),
        namespace="/",
        parameters={
            "task": options.policy_task,
            "seed": options.seed,
            **({"vision": str(options.run / VISION)} if options.unfreeze else {}),
            **_keeping(server_checkpoints(options.run)),
        },
        parameter_files=options.parameter_files,
        respawn=True,
    )


def describe_global_workers(
    options: StackOptions, links: Links, instances_of: Mapping[str, tuple[str, ...]]
) -> tuple[NodeDescription, ...]:
    """Describe the global workers.

    Parameters
    ----------
    options : of the run.
    links : whom they listen to.
    instances_of : ids of the instances that each robot practises; synchronous workers await them.
    """
    return tuple(
        NodeDescription(
            package="adgps_global_worker",
            executable=GLOBAL_WORKER,
            nodes=(GLOBAL_WORKER,),
            namespace=namespace,
            parameters={
                "task": options.policy_task,
                "mode": options.mode,
                "seed": derived_seed(options.seed, 100 + index),
                "global_workers": len(links.namespaces),
                "train_vision": options.unfreeze,
                "trajectory_topics": tuple(
                    f"{robot}/optimized_trajectories" for robot in links.robots[index]
                ),
                "instances_expected": tuple(
                    instance
                    for robot, share in instances_of.items()
                    if robot in links.robots[index]
                    for instance in share
                ),
            },
            parameter_files=options.parameter_files,
            respawn=True,
            nice=0 if options.lock_step else GLOBAL_NICE,
        )
        for index, namespace in enumerate(links.namespaces)
    )


def _keeping(folder: Path) -> dict[str, Parameter]:
    """Parameters of a node that keeps checkpoints.

    It resumes from its checkpoint whenever there is one: a new run's folder is empty, and a node
    that is started again after a crash goes on where it was.
    """
    return {"checkpoint_dir": str(folder), "resume": True}


def _on_this_machine(
    options: StackOptions, nodes: Sequence[NodeDescription]
) -> tuple[NodeDescription, ...]:
    """Leave out the nodes of robots that are attached to other machines.

    Raises
    ------
    ValueError
        If there are more than can find each other on one host.
    """
    here, arms = tuple(nodes), 0
    if options.robots_file is not None:
        robots = read_robots(options.robots_file)
        others = {
            robot.namespace
            for robot in robots
            if options.host and robot.host not in ("", options.host)
        }
        here = tuple(node for node in nodes if node.namespace not in others)
        arms = len(robots) - len(others)
    if len(here) + arms + 1 > MAX_PARTICIPANTS:  # the arms' drivers, and the command line's own
        raise ValueError(
            f"{len(here)} processes and {arms} drivers are more than find each other on one machine"
            f" ({MAX_PARTICIPANTS}): share the robots out with host and role"
        )
    return here

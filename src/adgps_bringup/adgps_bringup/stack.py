"""The stack: which nodes, in which namespaces, with which parameters.

The supervisor and the launch files both start what `describe_stack` describes, and nothing else.

    param_server            /                the global policy's parameters
    simulated_robot         /robot_i         simulator and torque controller in one process
    local_worker            /robot_i         Algorithm 2
    global_worker           /robot_i         Algorithm 3; /global_worker_j if not one per robot

Real robots (see real_robots.py) have, in place of simulated_robot,

    torque_gate             /robot_i         the only one that sends torques to the arm's driver
    torque_controller       /robot_i
    reset_server            /robot_i
    camera_driver, imu_driver                where the file of robots names such a device
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adgps_bringup.options import MAX_PARTICIPANTS, StackOptions
from adgps_bringup.real_robots import RealRobot, read_robots
from adgps_bringup.schedule import choose_phases
from adgps_core.phases import Phase
from adgps_core.tasks import make_task

Parameter = bool | int | float | str | Sequence[str]

SERVER = "param_server"
ROBOT = "simulated_robot"
LOCAL_WORKER = "local_worker"
GLOBAL_WORKER = "global_worker"
GATE = "torque_gate"
CONTROLLER = "torque_controller"
RESET_SERVER = "reset_server"


@dataclass(frozen=True)
class NodeDescription:
    """One process of the stack.

    Parameters
    ----------
    package, executable : what to start.
    nodes : names of the ROS nodes in the process; more than one where nodes are composed.
    namespace : "/" or "/robot_1".
    parameters : set on every node of the process, on top of the files.
    parameter_files : ROS parameter files; later ones win.
    remappings : (from, to).
    required : the whole stack stops when this process ends for good.
    respawn : start the process again when it dies.
    farewell : when its parent is killed, it is asked to end instead of being killed too: it has
        something to say before.
    """

    package: str
    executable: str
    nodes: tuple[str, ...]
    namespace: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    parameter_files: tuple[Path, ...] = ()
    remappings: tuple[tuple[str, str], ...] = ()
    required: bool = True
    respawn: bool = False
    farewell: bool = False

    @property
    def name(self) -> str:
        """Unique in the stack, e.g. "robot_1/local_worker"."""
        return f"{self.namespace}/{self.executable}".strip("/")

    @property
    def full_node_names(self) -> tuple[str, ...]:
        """Fully qualified names of the nodes, e.g. "/robot_1/local_worker"."""
        return tuple(f"{self.namespace.rstrip('/')}/{node}" for node in self.nodes)


@dataclass(frozen=True)
class Stack:
    """All processes of a run, in the order in which they start, and what they go through."""

    options: StackOptions
    phases: tuple[Phase, ...]
    nodes: tuple[NodeDescription, ...]

    def of(self, *executables: str) -> tuple[NodeDescription, ...]:
        """Select the processes of these executables."""
        return tuple(node for node in self.nodes if node.executable in executables)

    @property
    def robots(self) -> tuple[str, ...]:
        """Namespaces of the robots, e.g. "/robot_1"."""
        return robot_names(self.options)


def robot_names(options: StackOptions) -> tuple[str, ...]:
    """Namespaces of the robots; RobotsFileError if real ones cannot be read."""
    if options.robots_file is not None:
        return tuple(robot.namespace for robot in read_robots(options.robots_file))
    return tuple(f"/robot_{i + 1}" for i in range(options.robots))


def share_out(items: Sequence[str], shares: int) -> tuple[tuple[str, ...], ...]:
    """Deal items out in turn, as cards are; ValueError if a share would stay empty."""
    if shares > len(items):
        raise ValueError(f"{len(items)} training instances are too few for {shares} robots")
    return tuple(tuple(items[i::shares]) for i in range(shares))


def describe_robots(options: StackOptions) -> tuple[NodeDescription, ...]:
    """Describe the robots alone, which is all that an evaluation needs."""
    if options.robots_file is not None:
        return describe_real_robots(options, read_robots(options.robots_file))
    return tuple(
        NodeDescription(
            package="adgps_bringup",
            executable=ROBOT,
            nodes=("sim_robot", "torque_controller"),
            namespace=namespace,
            parameters={
                "use_sim_time": True,
                "task": options.task,
                "seed": derived_seed(options.seed, index),
                "real_time_factor": float(options.real_time_factor),
            },
            parameter_files=options.parameter_files,
            remappings=(("/clock", "clock"),),
            respawn=True,
        )
        for index, namespace in enumerate(robot_names(options))
    )


def describe_real_robots(
    options: StackOptions, robots: Sequence[RealRobot]
) -> tuple[NodeDescription, ...]:
    """Describe the nodes of real robots, gates first: an arm is held before anything else runs."""
    described: list[NodeDescription] = []

    def add(robot: RealRobot, name: str, parameters: Mapping[str, Parameter]) -> None:
        described.append(
            NodeDescription(
                package="adgps_robot",
                executable=name,
                nodes=(name,),
                namespace=robot.namespace,
                parameters=parameters,
                parameter_files=options.parameter_files,
                remappings=(("joint_states", robot.joint_states),),
                respawn=True,
                farewell=name == GATE,
            )
        )

    for robot in robots:
        gate: dict[str, Parameter] = {
            "joint_names": robot.joint_names,
            "output_joint_names": robot.output_joint_names,
            "output_topic": robot.commands,
            "output_type": robot.command_type,
        }
        add(robot, GATE, gate)
    for index, robot in enumerate(robots):
        common: dict[str, Parameter] = {"task": options.task, "joint_names": robot.joint_names}
        controller: dict[str, Parameter] = {
            "urdf": robot.urdf,
            "end_effector_frame": robot.end_effector_frame,
            "lock_step": False,
            "autostart": True,
        }
        seed = derived_seed(options.seed, index)
        add(robot, CONTROLLER, {**common, **controller})
        add(robot, RESET_SERVER, {**common, "confirm": robot.confirm, "seed": seed})
        for name, device in (("camera_driver", robot.camera), ("imu_driver", robot.imu)):
            if device is not None:
                add(robot, name, device)
    return tuple(described)


def describe_stack(options: StackOptions) -> Stack:
    """Describe what runs on this machine for training: the whole stack, unless it has a role.

    Raises
    ------
    ValueError
        If `options.run` is None: the nodes keep their checkpoints there.
    """
    if options.run is None:
        raise ValueError("training needs a run folder")
    instances = [instance.id for instance in make_task(options.task).instances("training")]
    shares = share_out(instances, options.robots)
    links = _links(options)
    phases = choose_phases(options)
    waiting: list[dict[str, Parameter]] = [{} for _ in shares]
    if options.robots_file is not None:
        robots = read_robots(options.robots_file)
        waiting = [{"reset_timeout": robot.reset_timeout} for robot in robots]
    common: dict[str, Parameter] = {"task": options.task}
    training: dict[str, Parameter] = {"mode": options.mode}

    def keeping(folder: Path) -> dict[str, Parameter]:
        # A node resumes from its checkpoint whenever there is one: a new run's folder is empty,
        # and a node that is started again after a crash goes on where it was.
        return {"checkpoint_dir": str(folder), "resume": True}

    server = NodeDescription(
        package="adgps_param_server",
        executable=SERVER,
        nodes=(SERVER,),
        namespace="/",
        parameters={**common, "seed": options.seed, **keeping(server_checkpoints(options.run))},
        parameter_files=options.parameter_files,
        respawn=True,
    )
    local_workers = tuple(
        NodeDescription(
            package="adgps_local_worker",
            executable=LOCAL_WORKER,
            nodes=(LOCAL_WORKER,),
            namespace=namespace,
            parameters={
                **common,
                **training,
                "phases": tuple(str(phase) for phase in phases),
                "instances": shares[index],
                "seed": options.seed,  # exploration depends on seed and instance, not on the robot
                "replay_status_topics": links.status_topics[index],
                **waiting[index],
                **keeping(options.run / "checkpoints" / "local_workers"),
            },
            parameter_files=options.parameter_files,
            respawn=True,
        )
        for index, namespace in enumerate(robot_names(options))
    )
    global_workers = tuple(
        NodeDescription(
            package="adgps_global_worker",
            executable=GLOBAL_WORKER,
            nodes=(GLOBAL_WORKER,),
            namespace=namespace,
            parameters={
                **common,
                **training,
                "seed": derived_seed(options.seed, 100 + index),
                "global_workers": options.number_of_global_workers,
                "trajectory_topics": tuple(
                    f"{robot}/optimized_trajectories" for robot in links.robots[index]
                ),
                "instances_expected": tuple(
                    instance
                    for robot, share in zip(robot_names(options), shares, strict=True)
                    if robot in links.robots[index]
                    for instance in share
                ),
            },
            parameter_files=options.parameter_files,
            respawn=True,
        )
        for index, namespace in enumerate(links.namespaces)
    )
    nodes = (
        *((server,) if options.plays("server") else ()),
        *(describe_robots(options) if options.plays("robot") else ()),
        *((*global_workers, *local_workers) if options.plays("workers") else ()),
    )
    return Stack(options, phases, _on_this_machine(options, nodes))


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


def server_checkpoints(run: Path) -> Path:
    """Folder of a run where the parameter server keeps the global policy."""
    return run / "checkpoints" / SERVER


def derived_seed(seed: int, index: int) -> int:
    """Seed of process index < 1000: different for all of a run, and from those of other runs."""
    return (seed * 1000 + index) % 2**31


@dataclass(frozen=True)
class _Links:
    """Who listens to whom: namespaces and robots of the global workers, their status topics."""

    namespaces: tuple[str, ...]
    robots: tuple[tuple[str, ...], ...]
    status_topics: tuple[tuple[str, ...], ...]


def _links(options: StackOptions) -> _Links:
    """Connect M global workers with N robots.

    With M ≤ N every robot has one global worker; with more, robots have several. In synchronous
    training a robot waits for all of them, as an iteration of Algorithm 1 ends for all at once.
    """
    robots, workers = robot_names(options), options.number_of_global_workers
    if workers == len(robots):
        namespaces = robots
    else:
        namespaces = tuple(f"/global_worker_{j + 1}" for j in range(workers))
    served = tuple(
        tuple(robots[j::workers]) if workers <= len(robots) else (robots[j % len(robots)],)
        for j in range(workers)
    )
    topics = tuple(
        tuple(
            f"{namespace}/replay_status"
            for namespace, mine in zip(namespaces, served, strict=True)
            if options.mode == "sync" or robot in mine
        )
        for robot in robots
    )
    return _Links(namespaces, served, topics)

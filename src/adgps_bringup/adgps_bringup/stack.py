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
from dataclasses import dataclass, field
from pathlib import Path

from adgps_bringup.bags.selection import ALL_TOPICS, DEFAULT_TOPICS
from adgps_bringup.links import Links, link
from adgps_bringup.options import MAX_PARTICIPANTS, StackOptions
from adgps_bringup.real_robots import RealRobot, read_robots
from adgps_bringup.schedule import choose_phases
from adgps_core.phases import Phase
from adgps_core.tasks import make_task

Parameter = bool | int | float | str | Sequence[str] | Sequence[float]

SERVER = "param_server"
ROBOT = "simulated_robot"
LOCAL_WORKER = "local_worker"
GLOBAL_WORKER = "global_worker"
GATE = "torque_gate"
CONTROLLER = "torque_controller"
RESET_SERVER = "reset_server"
RECORDER = "recorder"
GUIDED_ROBOT = "guided_robot"
IMU_DRIVER = "imu_driver"
FEATURE_EXTRACTOR = "feature_extractor"
PLAYER = "trajectory_player"

BAG = "bag"
"""Folder of a run's bag in the run's folder."""
DEMONSTRATIONS = "demonstrations.safetensors"
"""Demonstrations that a run's local policies begin with, in the run's folder."""
VISION = "vision.safetensors"
"""Vision network that a run's policies see with, in the run's folder."""
LOCAL_NICE, GLOBAL_NICE = 5, 10
"""Niceness of workers beside robots in real time, who have to tick in time: gradients can wait."""
TOPICS_OF = {"trajectories": DEFAULT_TOPICS, "all": ALL_TOPICS}
"""What is recorded of a run, by the choice of `StackOptions.record`."""


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
    nice : how much it leaves others the processor's time first.
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
    nice: int = 0

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
    """All processes of a run.

    Parameters
    ----------
    options : what follows from them.
    phases : that it goes through.
    nodes : the processes, in the order in which they start.
    practising : namespaces of the robots that are learned from; empty: those of the robots here.
    """

    options: StackOptions
    phases: tuple[Phase, ...]
    nodes: tuple[NodeDescription, ...]
    practising: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Fill in who practises."""
        if not self.practising:
            object.__setattr__(self, "practising", self.robots)

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
    nodes: tuple[str, ...] = ("sim_robot", "torque_controller")
    eyes: dict[str, Parameter] = {}
    if options.vision is not None:
        nodes = (*nodes, FEATURE_EXTRACTOR)
        # Robots that shall learn to see together are as different as real ones are.
        eyes = {"camera": True, "features": True, "variation": 1.0, "network": _network(options)}
    return tuple(
        NodeDescription(
            package="adgps_bringup",
            executable=ROBOT,
            nodes=nodes,
            namespace=namespace,
            parameters={
                "use_sim_time": True,
                "task": options.policy_task,
                "seed": derived_seed(options.seed, index),
                "real_time_factor": float(options.real_time_factor),
                **eyes,
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
        common: dict[str, Parameter] = {
            "task": options.policy_task,
            "joint_names": robot.joint_names,
        }
        controller: dict[str, Parameter] = {
            "urdf": robot.urdf,
            "end_effector_frame": robot.end_effector_frame,
            "lock_step": False,
            "autostart": True,
            "imu": robot.imu is not None,
            "features": options.vision is not None,
        }
        seed = derived_seed(options.seed, index)
        add(robot, CONTROLLER, {**common, **controller})
        add(robot, RESET_SERVER, {**common, "confirm": robot.confirm, "seed": seed})
        for name, device in (("camera_driver", robot.camera), (IMU_DRIVER, robot.imu)):
            if device is not None:
                add(robot, name, device)
        if options.vision is not None:
            if robot.camera is None:
                raise ValueError(f"{robot.namespace} has no camera to see with")
            eyes: dict[str, Parameter] = {"network": _network(options), "lock_step": False}
            add(robot, FEATURE_EXTRACTOR, eyes)
    return tuple(described)


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
    nodes = (
        *(
            (*describe_recorders(options), describe_server(options))
            if options.plays("server")
            else ()
        ),
        *(describe_robots(options) if options.plays("robot") else ()),
        *(
            (*describe_global_workers(options, links, instances_of), *local_workers)
            if options.plays("workers")
            else ()
        ),
    )
    return Stack(options, phases, _on_this_machine(options, nodes))


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


def describe_recorders(options: StackOptions) -> tuple[NodeDescription, ...]:
    """Describe the recorder of a run, if there is one."""
    if not options.record:
        return ()
    assert options.run is not None
    return (describe_recorder(options.run / BAG, TOPICS_OF[options.record], options.storage),)


def describe_recorder(
    bag: Path, topics: str, storage: str, renamed: Mapping[str, str] | None = None
) -> NodeDescription:
    """Describe a recorder; training goes on without it if it ends for good.

    Parameters
    ----------
    bag : folder of the bag; one that is there is gone on with, in a new file.
    topics : regular expression that whole names of topics have to match.
    storage : "mcap" or "sqlite3".
    renamed : names in the bag by names of topics, where they differ.
    """
    pairs = tuple(f"{source}:={target}" for source, target in (renamed or {}).items())
    return NodeDescription(
        package="adgps_bringup",
        executable=RECORDER,
        nodes=(RECORDER,),
        namespace="/",
        parameters={
            "bag": str(bag),
            "topics": topics,
            "storage": storage,
            **({"renamed": pairs} if pairs else {}),
        },
        required=False,
        respawn=True,
    )


def describe_guided_robot(
    namespace: str, task: str, instances: Sequence[str], factor: float, seed: int
) -> NodeDescription:
    """Describe a simulated robot that is led by the hand; it ends by itself.

    Parameters
    ----------
    namespace : "/robot_1".
    task : name of the task.
    instances : ids of the instances that it demonstrates.
    factor : simulated seconds per second.
    seed : of the errors of its sensors.
    """
    return NodeDescription(
        package="adgps_sim",
        executable=GUIDED_ROBOT,
        nodes=(GUIDED_ROBOT,),
        namespace=namespace,
        parameters={
            "task": task,
            "instances": tuple(instances),
            "real_time_factor": float(factor),
            "seed": seed,
        },
        remappings=(("/clock", "clock"),),
        required=False,
    )


def describe_player(bag: Path, **parameters: Parameter) -> NodeDescription:
    """Describe a player of a bag in its original timing; it ends by itself."""
    return NodeDescription(
        package="adgps_bringup",
        executable="bag_player",
        nodes=("bag_player",),
        namespace="/",
        parameters={"bag": str(bag), **parameters},
        required=False,
    )


def _network(options: StackOptions) -> str:
    """File of the vision network in the run's folder."""
    assert options.run is not None
    return str(options.run / VISION)


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


def server_checkpoints(run: Path) -> Path:
    """Folder of a run where the parameter server keeps the global policy."""
    return run / "checkpoints" / SERVER


def derived_seed(seed: int, index: int) -> int:
    """Seed of process index < 1000: different for all of a run, and from those of other runs."""
    return (seed * 1000 + index) % 2**31

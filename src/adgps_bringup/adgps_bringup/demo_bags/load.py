"""The demonstrations of a bag, ready for local policies to follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pybullet_data

from adgps_bringup.bags.reader import Bag
from adgps_bringup.bags.topic import BagError
from adgps_bringup.demo_bags.convert import Converted, Dynamics, convert
from adgps_bringup.demo_bags.read import read, robots_shown
from adgps_bringup.demo_bags.recording import Recording
from adgps_bringup.description import DEMONSTRATIONS
from adgps_bringup.options import StackOptions
from adgps_bringup.parameter_files import resolve
from adgps_bringup.real_robots import PANDA, read_robots
from adgps_bringup.stack_robots import describe_robots
from adgps_core.demonstration import Demonstration, save_demonstrations
from adgps_core.tasks import Task, make_task
from adgps_robot.kinematics import Kinematics

_URDF = Path(pybullet_data.getDataPath()) / "franka_panda" / "panda.urdf"
"""Of the simulated arm; the simulator itself has much to say when it is imported."""

_JOINT_DAMPING = 1.0
"""Default of the simulated robot [N·m·s/rad]."""


@dataclass(frozen=True)
class Arm:
    """The arm that a demonstration was given on.

    Parameters
    ----------
    joint_names : in the order of the state.
    dynamics : of it.
    joint_damping : of its joints [N·m·s/rad].
    """

    joint_names: tuple[str, ...]
    dynamics: Dynamics
    joint_damping: float


def arm_of(options: StackOptions, namespace: str) -> Arm:
    """Arm of a robot of the stack; of the first where the bag's robot is none of them.

    A real arm's friction is not known: nothing is added for it.
    """
    if options.robots_file is not None:
        robots = {robot.namespace: robot for robot in read_robots(options.robots_file)}
        robot = robots.get(namespace, next(iter(robots.values())))
        kinematics = Kinematics(robot.urdf, robot.joint_names, robot.end_effector_frame)
        return Arm(robot.joint_names, kinematics, 0.0)
    described = describe_robots(options)
    chosen = next((each for each in described if each.namespace == namespace), described[0])
    parameters = resolve(chosen)[f"{chosen.namespace}/sim_robot"]
    damping = float(str(parameters.get("joint_damping", _JOINT_DAMPING)))
    return Arm(PANDA, Kinematics(_URDF, PANDA), damping)


def load_new(options: StackOptions, say: Callable[[str], object]) -> Callable[[], None]:
    """Read and convert the bag of demonstrations that a run was given, if it was.

    A run that goes on has them in its folder, and its bag may be gone. What is returned writes them
    there.

    Raises
    ------
    BagError
        As `load`.
    """
    if options.demo is None or not options.plays("workers"):
        return lambda: None
    assert options.run is not None
    kept = options.run / DEMONSTRATIONS
    if kept.exists():
        return lambda: None
    shown = load(options.demo, make_task(options.task), lambda name: arm_of(options, name), say)
    return lambda: save_demonstrations(kept, shown)


def load(
    path: Path, task: Task, arm: Callable[[str], Arm], say: Callable[[str], object]
) -> tuple[Demonstration, ...]:
    """Read and convert a bag.

    Of several demonstrations of one instance the last counts. What cannot be used is said, and left
    out.

    Parameters
    ----------
    path : of the bag.
    task : that is to be learned.
    arm : of a robot of the bag, by its namespace.
    say : called with one line for what the user should know.

    Raises
    ------
    BagError
        With one line if it holds none that can be followed.
    """
    with Bag(path, say) as bag:
        arms = {robot: arm(robot) for robot in robots_shown(bag)}
        recordings, trouble = read(bag, {robot: each.joint_names for robot, each in arms.items()})
    tasks = {recording.instance.task for _, recording in recordings}
    if tasks and task.name not in tasks:
        raise BagError(
            f"{path} holds demonstrations of {', '.join(sorted(tasks))}, not {task.name}"
        )
    found: dict[str, Converted] = {}
    for robot, recording in recordings:
        try:
            _check_instance(recording, task)
            dynamics, damping = arms[robot].dynamics, arms[robot].joint_damping
            found[recording.instance.id] = convert(recording, task, dynamics, damping)
        except ValueError as error:
            trouble.append(f"the demonstration of {recording.instance.id} is left out: {error}")
    if not found:
        reason = f": {trouble[0]}" if trouble else ""
        raise BagError(f"{path} holds no demonstration that can be followed{reason}")
    for line in trouble:
        say(f"{path}: {line}")
    shown = ", ".join(_describe(each) for each in found.values())
    count = f"{len(found)} demonstration{'s' if len(found) > 1 else ''}"
    say(f"{path}: {count} of {task.name}: {shown}")
    return tuple(each.demonstration for each in found.values())


def _check_instance(recording: Recording, task: Task) -> None:
    """Refuse what is no instance of the task."""
    instance = recording.instance
    expected = task.instances("training")[0].parameters.shape
    if instance.task != task.name or instance.parameters.shape != expected:
        raise ValueError(f"it is of {instance.task}, with {len(instance.parameters)} numbers")


def _describe(converted: Converted) -> str:
    """What became of a demonstration, in a few words."""
    faster = f", {converted.speed:.2f} times faster" if converted.speed > 1.0 else ""
    return f"{converted.demonstration.instance.id} ({converted.duration:.1f} s{faster})"

"""What describes a process, and a stack of them: the words that `stack.py` speaks in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adgps_bringup.options import StackOptions
from adgps_bringup.real_robots import read_robots
from adgps_core.phases import Phase

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
    """All processes of a run, or of one machine's part of it.

    Parameters
    ----------
    options : what follows from them.
    phases : that it goes through.
    nodes : the processes, in the order in which they start.
    practising : namespaces of the robots that are learned from; empty: those of the robots here.
    elsewhere : processes of the run that other machines start.
    """

    options: StackOptions
    phases: tuple[Phase, ...]
    nodes: tuple[NodeDescription, ...]
    practising: tuple[str, ...] = ()
    elsewhere: tuple[NodeDescription, ...] = ()

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


def server_checkpoints(run: Path) -> Path:
    """Folder of a run where the parameter server keeps the global policy."""
    return run / "checkpoints" / SERVER


def derived_seed(seed: int, index: int) -> int:
    """Seed of process index < 1000: different for all of a run, and from those of other runs."""
    return (seed * 1000 + index) % 2**31

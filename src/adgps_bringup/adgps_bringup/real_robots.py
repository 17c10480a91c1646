"""Real robots: a file that lists them, and the nodes that each of them needs.

    robots:
    - namespace: /robot_1
      urdf: panda.urdf                          # beside this file, or an absolute path
      joint_states: /arm_1/joint_states         # topics of the arm's own driver
      commands: /arm_1/effort_controller/commands

The keys are the fields of RealRobot. The same file serves on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from adgps_bringup.options import MAX_ROBOTS
from adgps_bringup.parameter_files import one_line

_NAMESPACE = re.compile(r"(/[A-Za-z_][A-Za-z0-9_]*)+")
_TOPIC = re.compile(r"/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")
_COMMAND_TYPES = ("float64_multi_array", "joint_effort_command")
PANDA = tuple(f"panda_joint{number}" for number in range(1, 8))

Device = Mapping[str, bool | int | float | str | Sequence[str]]


class RobotsFileError(ValueError):
    """A file of robots cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class RealRobot:
    """One real robot.

    Parameters
    ----------
    namespace : of all its nodes, e.g. "/robot_1".
    urdf : path of the arm's description.
    joint_states : topic of the arm's driver with its joint states.
    commands : topic of the arm's driver for torques.
    command_type : of the messages there, as the torque gate's `output_type`.
    joint_names : the arm's joints, in the order of the state.
    command_joint_names : the same joints in the order of the driver's commands; empty: the same.
    end_effector_frame : link of the URDF that carries the end-effector's points.
    confirm : a person confirms every reset; not needed where a task has no object.
    host : name of the machine that it is attached to; "" for any.
    camera, imu : parameters of its camera_driver and imu_driver; None where it has none.
    """

    namespace: str
    urdf: str
    joint_states: str
    commands: str
    command_type: str = "float64_multi_array"
    joint_names: tuple[str, ...] = PANDA
    command_joint_names: tuple[str, ...] = ()
    end_effector_frame: str = "panda_grasptarget"
    confirm: bool = True
    host: str = ""
    camera: Device | None = field(default=None)
    imu: Device | None = field(default=None)

    def __post_init__(self) -> None:
        """Refuse what no robot can be."""
        if not _NAMESPACE.fullmatch(self.namespace):
            raise ValueError(f"namespace {self.namespace!r} is none, e.g. /robot_1")
        for name in ("joint_states", "commands"):
            if not _TOPIC.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} {getattr(self, name)!r} is no topic")
        if not Path(self.urdf).is_file():
            raise ValueError(f"no URDF at {self.urdf}")
        if self.command_type not in _COMMAND_TYPES:
            raise ValueError(f"command_type must be {' or '.join(_COMMAND_TYPES)}")
        if sorted(self.output_joint_names) != sorted(set(self.joint_names)):
            raise ValueError("command_joint_names must be joint_names, in any order")

    @property
    def reset_timeout(self) -> float:
        """Longest wait for a reset [s]: the reset server's own waits, and a little more."""
        return 3700.0 if self.confirm else 75.0

    @property
    def states_topic(self) -> str:
        """Full name of the topic with its joint states."""
        topic = self.joint_states
        return topic if topic.startswith("/") else f"{self.namespace}/{topic}"

    @property
    def output_joint_names(self) -> tuple[str, ...]:
        """The joints in the order of the driver's commands."""
        return self.command_joint_names or self.joint_names


def read_robots(path: Path) -> tuple[RealRobot, ...]:
    """Read a file of robots.

    Raises
    ------
    RobotsFileError
        With one line if it cannot be used.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise RobotsFileError(f"cannot read {path}: {reason}") from error
    except yaml.YAMLError as error:
        raise RobotsFileError(f"{path} is not YAML: {one_line(error)}") from error
    entries = content.get("robots") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_ROBOTS:
        raise RobotsFileError(f"{path}: expected robots: with 1 to {MAX_ROBOTS} entries")
    robots = []
    for index, entry in enumerate(entries):
        try:
            robots.append(_robot(entry, path.parent))
        except (TypeError, ValueError) as error:
            raise RobotsFileError(f"{path}: robots[{index}]: {error}") from error
    for name in ("namespace", "joint_states", "commands"):
        if len({getattr(robot, name) for robot in robots}) < len(robots):
            raise RobotsFileError(f"{path}: two robots have the same {name}")
    return tuple(robots)


def write_robots(robots: Sequence[RealRobot], path: Path) -> None:
    """Write robots as a file that can be read from anywhere."""
    entries = [
        {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in vars(robot).items()
            if value is not None
        }
        for robot in robots
    ]
    path.write_text(yaml.safe_dump({"robots": entries}, sort_keys=False), encoding="utf-8")


def _robot(entry: Any, folder: Path) -> RealRobot:
    """One robot of a file; ValueError if it is none."""
    if not isinstance(entry, dict):
        raise ValueError("expected namespace, urdf, joint_states, commands")
    known = {field.name: field for field in fields(RealRobot)}
    for key, value in entry.items():
        if key not in known:
            raise ValueError(f"unknown key {key!r}, known: {', '.join(known)}")
        kind = {"confirm": bool, "camera": dict, "imu": dict}.get(key, str)
        if key.endswith("joint_names"):
            if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
                raise ValueError(f"{key} must be a list of names")
        elif not isinstance(value, kind):
            raise ValueError(f"{key} must be {_WORDS[kind]}, not {value!r}")
    missing = [
        name
        for name, each in known.items()
        if each.default is MISSING and each.default_factory is MISSING and name not in entry
    ]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    urdf = (folder / Path(values.pop("urdf")).expanduser()).absolute()
    return RealRobot(urdf=str(urdf), **values)


_WORDS: dict[type, str] = {bool: "true or false", dict: "parameters of its driver", str: "text"}

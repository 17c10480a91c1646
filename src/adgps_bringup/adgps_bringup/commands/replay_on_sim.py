"""`replay BAG --on-sim`: execute recorded torques on a simulated arm and compare the states."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adgps_bringup.bags.dataset import batches, survey
from adgps_bringup.bags.on_sim import Difference, SimulatedArm
from adgps_bringup.bags.reader import Bag
from adgps_bringup.interrupts import Interrupts
from adgps_core.tasks import Task, make_task
from adgps_core.trajectory import Trajectory

PHYSICS_RATE, JOINT_DAMPING = 240.0, 1.0
"""Defaults of the simulated robot."""


def prepare_on_sim(path: Path, arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned executes, and returns the exit status."""
    if arguments.limit is not None and arguments.limit < 1:
        raise ValueError(f"--limit must be at least 1, not {arguments.limit}")
    with Bag(path, print) as bag:
        task = make_task(survey(bag).task)
    settings = _run_settings(path)

    def run() -> int:
        with Interrupts() as interrupts, Bag(path, print) as bag:
            differences = _compare(
                islice(_trajectories(bag), arguments.limit),
                lambda robot: _arm(task, robot, settings, arguments),
                interrupts.check,
            )
        _report(path, differences)
        return 0

    return run


def _trajectories(bag: Bag) -> Iterator[Trajectory]:
    """Yield each trajectory once; alternations publish the same ones again."""
    seen: set[tuple[str, str, int]] = set()
    for batch in batches(bag):
        for sample in () if isinstance(batch, ValueError) else batch.optimized.samples:
            key = (sample.robot, sample.rollout_id, sample.start_ns)
            if key not in seen:
                seen.add(key)
                yield sample


def _compare(
    trajectories: Iterator[Trajectory],
    make_arm: Callable[[str], SimulatedArm],
    check: Callable[[], None],
) -> dict[str, Difference]:
    """Execute trajectories, each on an arm like its robot's; differences by robot."""
    arms: dict[str, SimulatedArm] = {}
    differences: dict[str, Difference] = {}
    try:
        for trajectory in trajectories:
            check()
            robot = trajectory.robot
            if robot not in arms:
                arms[robot] = make_arm(robot)
            difference = arms[robot].compare(trajectory)
            differences[robot] = differences.get(robot, Difference()) + difference
    finally:
        for arm in arms.values():
            arm.close()
    return dict(sorted(differences.items()))


def _run_settings(bag: Path) -> dict[str, Any]:
    """Parameters of all nodes of the run that the bag lies in; none if it lies in no run."""
    folder = bag if bag.is_dir() else bag.parent
    try:
        content = yaml.safe_load((folder.parent / "config.yaml").read_text(encoding="utf-8"))
        return dict(content["nodes"])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return {}


def _arm(
    task: Task, robot: str, settings: dict[str, Any], arguments: argparse.Namespace
) -> SimulatedArm:
    """Arm with the physics that was asked for, else with that of the run, else the default."""
    own = settings.get(f"{robot.rstrip('/')}/sim_robot", {})
    rate, damping = arguments.physics_rate, arguments.joint_damping
    return SimulatedArm(
        task,
        float(own.get("physics_rate", PHYSICS_RATE)) if rate is None else rate,
        float(own.get("joint_damping", JOINT_DAMPING)) if damping is None else damping,
    )


def _report(path: Path, differences: dict[str, Difference]) -> None:
    """Print the differences, and what they may come from."""
    view = Table("robot", title=f"{path} on simulated arms", title_justify="left")
    headings = ("rollouts", "identical", "angle [rad]", "speed [rad/s]", "position [m]")
    for heading in headings:
        view.add_column(escape(heading), justify="right")
    for robot, difference in differences.items():
        numbers = (difference.angle, difference.velocity, difference.position)
        view.add_row(
            robot,
            str(difference.trajectories),
            str(difference.identical),
            *(f"{number:.3g}" for number in numbers),
        )
    Console(highlight=False).print(view)
    total = Difference()
    for difference in differences.values():
        total = total + difference
    if total.moving:
        print(f"{total.moving} began while joints moved; the simulated arm began at rest")
    if total.uneven:
        print(f"{total.uneven} were recorded in real time; executed were ticks of equal length")
    if total.identical == total.trajectories:
        print(f"all {total.trajectories} trajectories are identical, bit for bit")

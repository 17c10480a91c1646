"""`evaluate RUN`: a run's global policy, on robots alone; nothing learns and nothing is changed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from adgps_bringup.commands.evaluate_trials import (
    add_trial_arguments,
    check_trial_arguments,
    prepare_trials,
)
from adgps_bringup.description import robot_names
from adgps_bringup.evaluation import read_goals, report, table
from adgps_bringup.measuring import (
    Subject,
    camera_shift,
    describe_for_evaluation,
    evaluating,
    read_policy,
)
from adgps_bringup.options import StackOptions
from adgps_bringup.output import say
from adgps_bringup.processes import check_executables
from adgps_bringup.run_folder import read_options, shown_task
from adgps_bringup.summary import SCHEMA_VERSION, write_json
from adgps_core.tasks import SPLITS

NAME = "evaluate"
HELP = "measure a run's global policy on instances of its task"

ROBOTS = 2
"""Robots that share the instances of a split."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--split", default="validation", help=f"{', '.join(reversed(SPLITS))} (validation)"
    )
    which.add_argument(
        "--instances",
        type=Path,
        metavar="FILE",
        help="YAML file, goals: [{position: [x, y, z]}, ...] [m], base frame",
    )
    which.add_argument(
        "--trials", type=int, metavar="N", help="of each robot, on the task's grid of trials"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    parser.add_argument(
        "--robots",
        type=int,
        metavar="N",
        help=f"in parallel ({ROBOTS}; for trials as many as the run had)",
    )
    parser.add_argument(
        "--real-time-factor", type=float, metavar="F", help="0: lock-step (as in training)"
    )
    camera = parser.add_mutually_exclusive_group()
    camera.add_argument("--camera", metavar="NAME", help="moved: lowered (5 cm) or away (4 cm)")
    camera.add_argument(
        "--camera-shift",
        type=float,
        nargs=3,
        metavar=("X", "Y", "Z"),
        help="moved by this way [m], base frame",
    )
    add_trial_arguments(parser)


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned evaluates, and returns the exit status."""
    if arguments.json is not None:
        _check_writable(arguments.json)
    check_trial_arguments(arguments)
    subject = _subject(arguments)
    if arguments.trials is not None:
        return prepare_trials(subject, arguments)
    return _prepare_split(subject, arguments)


def _prepare_split(subject: Subject, arguments: argparse.Namespace) -> Callable[[], int]:
    """Every instance once, on whichever robot has time."""
    task = subject.task
    if arguments.instances is not None:
        name, instances = arguments.instances.stem, read_goals(arguments.instances, task)
    elif arguments.split in SPLITS:
        name, instances = arguments.split, task.instances(arguments.split)
    else:
        raise ValueError(f"unknown split {arguments.split!r}, known: {', '.join(SPLITS)}")

    def run() -> int:
        version = subject.policy.version
        with evaluating(subject, say) as (session, evaluator):
            results = evaluator.run(instances, version, session.tick)
        view = table(f"{task.name}, {name}, policy {version}", results)
        Console(highlight=False).print(view)
        if arguments.json is not None:
            about = {"schema_version": SCHEMA_VERSION, "task": task.name, "split": name}
            content = {**about, "policy_version": str(version), **report(results)}
            write_json(arguments.json, content)
        return 0

    return run


def _subject(arguments: argparse.Namespace) -> Subject:
    """What is evaluated on what; ValueError says what is wrong."""
    run = arguments.run.absolute()
    saved = read_options(run)
    if arguments.camera is not None or arguments.camera_shift is not None:
        _refuse_blind(saved, run)
    shift = camera_shift(arguments.camera, arguments.camera_shift)
    options = _options(saved, arguments)
    task = shown_task(run, options.policy_task)
    nodes = describe_for_evaluation(options, shift, filmed=arguments.film)
    check_executables(nodes)
    policy = read_policy(run)
    return Subject(run, options, task, policy, robot_names(options), nodes)


def _refuse_blind(saved: StackOptions, run: Path) -> None:
    """Refuse to move a camera through which nobody looks."""
    if saved.real:
        raise ValueError("cameras of real robots are not moved from here")
    if saved.vision is None:
        raise ValueError(f"the policy of {run} sees nothing: it was trained without --vision")


def _options(saved: StackOptions, arguments: argparse.Namespace) -> StackOptions:
    """The run's choices with other robots, if they are simulated."""
    if saved.real:
        return replace(saved, role="robot")
    factor = arguments.real_time_factor
    robots = arguments.robots
    if robots is None:
        robots = ROBOTS if arguments.trials is None else saved.robots
    return replace(
        saved,
        robots=robots,
        global_workers=None,
        real_time_factor=saved.real_time_factor if factor is None else factor,
    )


def _check_writable(path: Path) -> None:
    """Refuse a file that cannot be written."""
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise ValueError(f"cannot write to {path}")

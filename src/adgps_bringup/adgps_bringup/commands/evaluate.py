"""`evaluate RUN`: a run's global policy, on robots alone; nothing learns and nothing is changed."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from adgps_bringup.evaluation import InstanceResult, read_goals, report, table
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.options import StackOptions
from adgps_bringup.processes import check_executables
from adgps_bringup.run_folder import read_options, shown_task
from adgps_bringup.stack import describe_robots, robot_names, server_checkpoints
from adgps_bringup.summary import SCHEMA_VERSION, write_json
from adgps_core.global_policy import GlobalPolicy
from adgps_core.tasks import SPLITS, Instance, Task

NAME = "evaluate"
HELP = "measure a run's global policy on instances of its task"


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
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    parser.add_argument("--robots", type=int, default=2, metavar="N", help="in parallel (2)")
    parser.add_argument(
        "--real-time-factor", type=float, metavar="F", help="0: lock-step (as in training)"
    )


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned evaluates, and returns the exit status."""
    run_folder = arguments.run.absolute()
    options = _options(read_options(run_folder), arguments)
    task = shown_task(run_folder, options.policy_task)
    if arguments.instances is not None:
        name, instances = arguments.instances.stem, read_goals(arguments.instances, task)
    elif arguments.split in SPLITS:
        name, instances = arguments.split, task.instances(arguments.split)
    else:
        raise ValueError(f"unknown split {arguments.split!r}, known: {', '.join(SPLITS)}")
    if arguments.json is not None:
        _check_writable(arguments.json)
    check_executables(describe_robots(options))
    policy = _read_policy(run_folder)

    def run() -> int:
        results = _evaluate(options, task, instances, policy)
        version = str(policy.version)
        view = table(f"{options.task}, {name}, policy {version}", results)
        Console(highlight=False).print(view)
        if arguments.json is not None:
            about = {"schema_version": SCHEMA_VERSION, "task": options.task, "split": name}
            content = {**about, "policy_version": version, **report(results)}
            write_json(arguments.json, content)
        return 0

    return run


def _evaluate(
    options: StackOptions, task: Task, instances: Sequence[Instance], policy: GlobalPolicy
) -> list[InstanceResult]:
    """Start the robots, publish the policy in the server's place, and roll it out."""
    # Imported late, so that a wrong argument is answered at once.
    from adgps_bringup.evaluator import Evaluator, publish_policy
    from adgps_bringup.session import running

    def show(line: str) -> None:
        print(line, flush=True)

    work = Path(tempfile.mkdtemp(prefix="adgps-evaluate-"))
    nodes = describe_robots(options)
    with (
        Interrupts() as interrupts,
        running(
            nodes, work / "parameters", work / "log", show, interrupts, own_domain=not options.real
        ) as session,
    ):
        publisher = publish_policy(session.node, policy)
        evaluator = Evaluator(session.node, task, robot_names(options), simulated=not options.real)
        with closing(evaluator):
            results = evaluator.run(instances, policy.version, session.tick)
        session.node.destroy_publisher(publisher)
    shutil.rmtree(work, ignore_errors=True)  # the logs of an evaluation that failed stay
    return results


def _read_policy(run_folder: Path) -> GlobalPolicy:
    """Read the newest sound checkpoint; ValueError if there is none."""
    from adgps_core.checkpoints import DamagedCheckpointError
    from adgps_param_server.checkpoints import load_policy

    try:
        return load_policy(server_checkpoints(run_folder))
    except (OSError, DamagedCheckpointError) as error:
        raise ValueError(f"{run_folder} holds no policy: {error}") from error


def _options(saved: StackOptions, arguments: argparse.Namespace) -> StackOptions:
    """The run's choices with other robots, if they are simulated."""
    if saved.real:
        return replace(saved, role="robot")
    factor = arguments.real_time_factor
    return replace(
        saved,
        robots=arguments.robots,
        global_workers=None,
        real_time_factor=saved.real_time_factor if factor is None else factor,
    )


def _check_writable(path: Path) -> None:
    """Refuse a file that cannot be written."""
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise ValueError(f"cannot write to {path}")

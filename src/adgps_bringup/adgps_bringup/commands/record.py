"""`record RUN`: record a bag of a run that is going on; `record --demo BAG`: demonstrations."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from adgps_bringup.bags.reader import Bag
from adgps_bringup.bags.selection import ALL_TOPICS, DEFAULT_TOPICS, compile_topics
from adgps_bringup.bags.topic import NoBagError
from adgps_bringup.commands.record_demo import add_demo_arguments, prepare_demo
from adgps_bringup.description import BAG, NodeDescription
from adgps_bringup.interrupts import Interrupted, Interrupts
from adgps_bringup.options import STORAGES
from adgps_bringup.output import say
from adgps_bringup.processes import check_executables, commands, environment
from adgps_bringup.progress import duration
from adgps_bringup.run_folder import RunFolderError, check_writable, running_domain
from adgps_bringup.stack_bags import describe_recorder
from adgps_bringup.supervisor import Supervisor

NAME = "record"
HELP = (
    "record a bag of a run that is going on, until Ctrl-C or the end of the run, or demonstrations "
    "of a task by an arm that is led by the hand (--demo)"
)

_PERIOD = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", type=Path, metavar="RUN", nargs="?", help="folder of the run")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--topics",
        default=DEFAULT_TOPICS,
        metavar="REGEX",
        help="for whole topic names (trajectories, policy parameters, diagnostics)",
    )
    which.add_argument(
        "--all", action="store_true", help="joint states, commands, images and IMU too"
    )
    parser.add_argument("--storage", default=STORAGES[0], choices=STORAGES, help="(mcap)")
    parser.add_argument("--output", type=Path, metavar="BAG", help="folder of the bag (RUN/bag)")
    add_demo_arguments(parser)


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned records, and returns the exit status."""
    if arguments.demo is not None:
        asked = {"RUN": arguments.run, "--all": arguments.all, "--output": arguments.output}
        for name, value in asked.items():
            if value:
                raise ValueError(f"{name} and --demo do not go together")
        return prepare_demo(arguments)
    if arguments.run is None:
        raise ValueError("give the folder of a run that is going on, or --demo BAG --task TASK")
    run = arguments.run.absolute()
    domain_id = running_domain(run)
    topics = ALL_TOPICS if arguments.all else arguments.topics
    compile_topics(topics)
    bag = (arguments.output or run / BAG).absolute()
    check_writable(bag)
    recorder = replace(describe_recorder(bag, topics, arguments.storage), required=True)
    check_executables([recorder])

    def record() -> int:
        return _record(recorder, run, bag, domain_id)

    return record


def _record(recorder: NodeDescription, run: Path, bag: Path, domain_id: int) -> int:
    """Record until asked to stop, or until the run has ended."""
    work = Path(tempfile.mkdtemp(prefix="adgps-record-"))
    variables = {**environment(), "ROS_DOMAIN_ID": str(domain_id)}
    to_start = commands([recorder], work, {**os.environ, **variables})
    say(f"recording ROS_DOMAIN_ID={domain_id} into {bag}, until Ctrl-C")
    with Interrupts() as interrupts, Supervisor(to_start, work / "log", say) as supervisor:
        try:
            while _goes_on(run, domain_id):
                interrupts.check()
                supervisor.poll()
                time.sleep(_PERIOD)
        except Interrupted:
            pass  # the usual end
    shutil.rmtree(work, ignore_errors=True)  # the log of a recorder that failed stays
    try:
        with Bag(bag, say) as content:
            messages, topics = sum(content.counts.values()), len(content.topics)
            took = duration(content.duration_s)
            say(f"{bag} holds {messages} messages of {topics} topics, {took}")
    except NoBagError:
        say("nothing was recorded")
    return 0


def _goes_on(run: Path, domain_id: int) -> bool:
    """Whether the same run still goes on."""
    try:
        return running_domain(run) == domain_id
    except RunFolderError:
        return False

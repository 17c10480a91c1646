"""`record --demo BAG`: record demonstrations of a task, by simulated arms or by a real one."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adgps_bringup.bags.reader import Bag
from adgps_bringup.bags.selection import DEMONSTRATION
from adgps_bringup.description import IMU_DRIVER, NodeDescription
from adgps_bringup.interrupts import Interrupted, Interrupts
from adgps_bringup.keyboard import Keyboard
from adgps_bringup.options import StackOptions
from adgps_bringup.output import say
from adgps_bringup.processes import check_executables
from adgps_bringup.progress import duration
from adgps_bringup.real_robots import RealRobot, read_robots
from adgps_bringup.run_folder import check_writable
from adgps_bringup.stack_bags import describe_recorder
from adgps_bringup.stack_robots import describe_guided_robot, describe_real_robots
from adgps_core.tasks import Instance, Task, make_task
from adgps_core.tasks.finding import find_instances

if TYPE_CHECKING:
    from adgps_bringup.session import Session

ROBOT = "robot_1"


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of demonstrations."""
    group = parser.add_argument_group("demonstrations")
    group.add_argument("--demo", type=Path, metavar="BAG", help="folder of a new bag of them")
    group.add_argument("--task", metavar="TASK", help="what is demonstrated")
    group.add_argument(
        "--instance",
        nargs="+",
        metavar="ID",
        help="instances to demonstrate, for example training/0 (all that are trained on)",
    )
    group.add_argument(
        "--real-time-factor",
        type=float,
        default=1.0,
        metavar="F",
        help="simulated arm: seconds per second (1)",
    )
    group.add_argument(
        "--robots-file", type=Path, metavar="FILE", help="a real arm out of this list, by hand"
    )
    group.add_argument(
        "--robot", metavar="NAME", help=f"namespace of the robot ({ROBOT}, or the only real one)"
    )


def prepare_demo(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned records, and returns the exit status."""
    bag = arguments.demo.absolute()
    if bag.exists():
        raise ValueError(f"{bag} is there already: name a new bag")
    check_writable(bag)
    if arguments.task is None:
        raise ValueError("--demo needs --task TASK")
    task = make_task(arguments.task)
    ids = arguments.instance or [each.id for each in task.instances("training")]
    instances = find_instances(task, ids)
    if arguments.robots_file is not None:
        return _prepare_real(arguments, bag, task, instances)
    if not 0.01 <= arguments.real_time_factor <= 100:
        raise ValueError(
            f"--real-time-factor must be from 0.01 to 100, not {arguments.real_time_factor:g}"
        )
    namespace = f"/{(arguments.robot or ROBOT).strip('/')}"
    recorder = _recorder(bag, namespace, arguments.storage)
    robot = describe_guided_robot(namespace, task.name, ids, arguments.real_time_factor, seed=0)
    check_executables([recorder, robot])

    def act(session: Session) -> None:
        from adgps_bringup.demonstrations import await_guided_robot

        await_guided_robot(session, robot, instances, say)

    return lambda: _record(bag, (recorder, robot), act, own_domain=True)


def _prepare_real(
    arguments: argparse.Namespace, bag: Path, task: Task, instances: Sequence[Instance]
) -> Callable[[], int]:
    """Demonstrations on a real arm; nothing that moves it is started."""
    options = StackOptions(task=task.name, robots=1, robots_file=arguments.robots_file)
    arm = _choose(read_robots(arguments.robots_file), arguments.robot, arguments.robots_file)
    if not Keyboard().there:
        raise ValueError("demonstrations on a real arm need a terminal: Enter begins and ends them")
    recorder = _recorder(bag, arm.namespace, arguments.storage, arm)
    described = describe_real_robots(options, [arm])
    drivers = tuple(node for node in described if node.executable == IMU_DRIVER)
    check_executables([recorder, *drivers])

    def act(session: Session) -> None:
        from adgps_bringup.demonstrations import HandLedArm

        with Keyboard() as keyboard:
            HandLedArm(session, arm, task, keyboard, say).demonstrate(instances)

    return lambda: _record(bag, (recorder, *drivers), act, own_domain=False)


def _choose(robots: Sequence[RealRobot], name: str | None, path: Path) -> RealRobot:
    """Find the robot of a name; ValueError if there is none, or several and no name."""
    known = {robot.namespace.strip("/"): robot for robot in robots}
    wanted = name.strip("/") if name else next(iter(known))
    if wanted not in known or (name is None and len(known) > 1):
        asked = f"no robot {name!r} in {path}" if name else "name one robot with --robot"
        raise ValueError(f"{asked}, known: {', '.join(known)}")
    return known[wanted]


def _recorder(
    bag: Path, namespace: str, storage: str, arm: RealRobot | None = None
) -> NodeDescription:
    """Describe what records a robot's demonstrations, under the names that readers know."""
    names = "|".join(map(re.escape, DEMONSTRATION))
    renamed = {}
    if arm is not None and arm.states_topic != f"{namespace}/{DEMONSTRATION[0]}":
        renamed = {arm.states_topic: f"{namespace}/{DEMONSTRATION[0]}"}
    recorder = describe_recorder(bag, f"{re.escape(namespace)}/({names})", storage, renamed)
    return replace(recorder, required=True)


def _record(
    bag: Path,
    nodes: Sequence[NodeDescription],
    act: Callable[[Session], None],
    own_domain: bool,
) -> int:
    """Record while something acts; say what the bag holds then."""
    from adgps_bringup.session import running

    work = Path(tempfile.mkdtemp(prefix="adgps-record-"))
    say(f"recording demonstrations into {bag}")
    try:
        with (
            Interrupts() as interrupts,
            running(nodes, work, work / "log", say, interrupts, own_domain) as session,
        ):
            act(session)
    except Interrupted:
        shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(work, ignore_errors=True)  # the logs of what failed stay
    with Bag(bag, say) as content:
        counts = [f"{count} {topic}" for topic, count in sorted(content.counts.items())]
        say(f"{bag} holds {duration(content.duration_s)}: {', '.join(counts)}")
    return 0

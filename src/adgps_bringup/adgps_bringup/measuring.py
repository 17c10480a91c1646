"""What an evaluation needs around it: a run's policy, robots alone, and somebody who asks them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from adgps_bringup.description import ROBOT, NodeDescription, server_checkpoints
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.options import StackOptions
from adgps_bringup.stack_robots import describe_robots
from adgps_core.global_policy import GlobalPolicy
from adgps_core.tasks import Task
from adgps_sim.camera_shifts import SHIFTS, check_shift

if TYPE_CHECKING:
    from adgps_bringup.evaluator import Evaluator
    from adgps_bringup.session import Session

NO_SHIFT = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Subject:
    """What is evaluated, and on which robots.

    Parameters
    ----------
    run : folder of the run that made the policy.
    options : choices behind the robots.
    task : of the run.
    policy : its newest.
    robots : their namespaces.
    nodes : the robots' processes.
    """

    run: Path
    options: StackOptions
    task: Task
    policy: GlobalPolicy
    robots: tuple[str, ...]
    nodes: tuple[NodeDescription, ...]

    @property
    def films(self) -> bool:
        """Whether the first robot has a simulated camera, by which it can be filmed."""
        return bool(self.nodes[0].parameters.get("camera", False))


def read_policy(run: Path) -> GlobalPolicy:
    """Read the newest sound checkpoint of a run; ValueError if there is none."""
    # Imported late, so that a wrong argument is answered at once.
    from adgps_core.checkpoints import DamagedCheckpointError
    from adgps_param_server.checkpoints import load_policy

    try:
        return load_policy(server_checkpoints(run))
    except (OSError, DamagedCheckpointError) as error:
        raise ValueError(f"{run} holds no policy: {error}") from error


def camera_shift(name: str | None, way: Sequence[float] | None) -> tuple[float, float, float]:
    """Way by which a camera is moved, base frame [m].

    Parameters
    ----------
    name : one that is known by name, or None.
    way : (3,) any other [m], or None.

    Raises
    ------
    ValueError
        If nobody knows the name, or the way is too long.
    """
    if name is None:
        return check_shift(NO_SHIFT if way is None else way)
    if name not in SHIFTS:
        raise ValueError(f"unknown camera {name!r}, known: {', '.join(SHIFTS)}")
    return SHIFTS[name]


def describe_for_evaluation(
    options: StackOptions, shift: tuple[float, float, float], filmed: bool
) -> tuple[NodeDescription, ...]:
    """Describe robots with cameras moved by a shift; the first has one if it is filmed."""
    nodes = list(describe_robots(options))
    for index, node in enumerate(nodes):
        if node.executable == ROBOT:
            parameters = {**node.parameters, "camera_shift": shift}
            if filmed and index == 0:
                parameters["camera"] = True
            nodes[index] = replace(node, parameters=parameters)
    return tuple(nodes)


@contextmanager
def evaluating(
    subject: Subject, show: Callable[[str], None]
) -> Iterator[tuple[Session, Evaluator]]:
    """Start the robots and publish the policy in the server's place; stop all of it at the end."""
    from adgps_bringup.evaluator import Evaluator, publish_policy
    from adgps_bringup.session import running

    work = Path(tempfile.mkdtemp(prefix="adgps-evaluate-"))
    real = subject.options.real
    folders = work / "parameters", work / "log"
    with (
        Interrupts() as interrupts,
        running(subject.nodes, *folders, show, interrupts, own_domain=not real) as session,
    ):
        publisher = publish_policy(session.node, subject.policy)
        asking = Evaluator(session.node, subject.task, subject.robots, simulated=not real)
        with closing(asking) as evaluator:
            yield session, evaluator
        session.node.destroy_publisher(publisher)
    shutil.rmtree(work, ignore_errors=True)  # the logs of an evaluation that failed stay

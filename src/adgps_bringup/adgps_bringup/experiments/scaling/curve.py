"""Cost of the test instances over a run, by the policies that it kept; after the run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

from adgps_bringup.evaluation import InstanceResult, measure
from adgps_bringup.in_process import InProcessRobot
from adgps_bringup.policy_history import KeptPolicy, load_kept, read_history
from adgps_bringup.summary import write_json
from adgps_core.global_policy import GlobalPolicy
from adgps_core.tasks import Task, make_task

FILE = "test_curve.json"
PROCESSES = 2


@dataclass(frozen=True)
class TestPoint:
    """How good the policy was at a time.

    Parameters
    ----------
    wall_clock_s : since practice began [s].
    rollouts : learned from by then.
    cost : mean over the test instances, without exploration.
    distance_m : mean final distance from the goals [m].
    """

    __test__ = False  # for pytest: this is no test

    wall_clock_s: float
    rollouts: int
    cost: float
    distance_m: float


def thin_out(kept: Sequence[KeptPolicy], most: int) -> tuple[KeptPolicy, ...]:
    """As many of the policies as are to be evaluated, evenly over the run, with the last one."""
    if len(kept) <= most:
        return tuple(kept)
    step = (len(kept) - 1) / (most - 1)
    return tuple(kept[round(i * step)] for i in range(most))


def try_policy(robot: InProcessRobot, task: Task, policy: GlobalPolicy) -> list[InstanceResult]:
    """Run a policy once on each test instance, from its exact start and without exploration."""
    results = []
    for instance in task.instances("test"):
        robot.reset(instance, seed=0)
        trajectory, _ = robot.attempt(instance, policy, seed=0, noise_scale=0.0)
        assert trajectory is not None  # at least its first tick was within the limits
        results.append(measure(task, instance, trajectory))
    return results


def try_run(run: Path, task_name: str, most: int) -> list[TestPoint]:
    """Evaluate the policies that a run kept; at once if that was done before.

    Parameters
    ----------
    run : folder of the run.
    task_name : of its task.
    most : policies that are evaluated at most.

    Raises
    ------
    ValueError
        If the run kept no policies.
    """
    done = run / FILE
    if done.exists():
        return read_curve(done)
    kept = thin_out(read_history(run), most)
    if not kept:
        raise ValueError(f"{run} kept no policies")
    diagnostics = json.loads((run / "diagnostics.json").read_text(encoding="utf-8"))
    began = float(diagnostics["practice_began_s"] or 0.0)
    shares = [kept[i::PROCESSES] for i in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        work = [pool.submit(_try_share, run, task_name, share, began) for share in shares]
        points = [point for share in work for point in share.result()]
    points.sort(key=lambda point: point.wall_clock_s)
    write_json(done, [asdict(point) for point in points])
    return points


def _try_share(
    run: Path, task_name: str, kept: Sequence[KeptPolicy], began: float
) -> list[TestPoint]:
    """Evaluate some policies in a process of their own."""
    task = make_task(task_name)
    robot = InProcessRobot(task, perturbation=0.0)
    points = []
    for each in kept:
        results = try_policy(robot, task, load_kept(run, each))
        points.append(
            TestPoint(
                wall_clock_s=max(0.0, each.wall_clock_s - began),
                rollouts=each.rollouts,
                cost=fmean(result.cost for result in results),
                distance_m=fmean(result.final_distance_m for result in results),
            )
        )
    robot.close()
    return points


def read_curve(path: Path) -> list[TestPoint]:
    """Read a curve that was written before."""
    return [TestPoint(**point) for point in json.loads(path.read_text(encoding="utf-8"))]

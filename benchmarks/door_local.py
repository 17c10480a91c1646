"""Open doors with PI2 that begins with one demonstration of each handle.

    ./adgps exec python benchmarks/door_local.py [--iterations 12] [--samples 20] [--doors 16]

A guide shows the door in the middle, once for each handle that is trained with. Then local policies
are practised on the training doors, in one process, alone: other places, the same handles; the cost
is what the IMU on the handle says against what it said when it was shown. A trial is a rollout
without exploration from an initial state of its own; the simulator tells whether the door is open.
Before practice, the policy is the one that follows the demonstration. The exit status is 1 if
practice is not worth what the README says.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from adgps_bringup.in_process import InProcessRobot, practise
from adgps_bringup.local_settings import local_configuration
from adgps_bringup.showing import demonstrate
from adgps_core.demonstration import Demonstration, nearest
from adgps_core.measurements import IMU
from adgps_core.phases import Phase
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.scoring import distances
from adgps_core.tasks import Instance
from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import CENTRE, TRAINED_HANDLES, handle_of
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.initial_policy import follow
from adgps_local_worker.sampling import RolloutError
from adgps_local_worker.schedule import Schedule
from adgps_sim.door.handles import HANDLES

TASK = Door()
TRIALS = 20
TRIAL_SEED = 10**6
"""Far from the seeds of practice: a trial begins in a state that was not practised."""


@dataclass(frozen=True)
class Trials:
    """Part of trials in which the door was opened, mean cost, mean distance left [m]."""

    opened: float
    cost: float
    distance: float


def attempt(
    robot: InProcessRobot, task: Door, instance: Instance, policy: LinearGaussianPolicy
) -> Trials:
    """Try a policy without exploration; a rollout that a limit ended opened nothing."""
    opened, costs, left = 0, [], []
    for trial in range(TRIALS):
        robot.reset(instance, TRIAL_SEED + trial)
        try:
            rollout = robot.rollout(instance, policy, trial, 0.0)
        except RolloutError:
            continue
        opened += bool(robot.succeeded)
        costs.append(
            task.cost(
                rollout.states[:-1], rollout.actions_applied, instance, rollout.measurements
            ).sum()
        )
        left.append(distances(task, rollout)[-1])
    return Trials(opened / TRIALS, float(np.mean(costs or [np.nan])), float(np.mean(left or [0.0])))


def measure(
    instance: Instance,
    shown: tuple[Demonstration, ...],
    settings: LocalConfiguration,
    samples: int,
    iterations: int,
) -> tuple[Trials, Trials]:
    """Practise on one door; trials before and after."""
    task = TASK.shown(shown)
    robot = InProcessRobot(task, 0)
    first = follow(
        nearest(shown, instance),
        task.dim_x,
        np.array(settings.demonstration_stiffness),
        np.array(settings.demonstration_damping),
        np.array(settings.demonstration_noise),
    )
    before = attempt(robot, task, instance, first)
    schedule = Schedule((Phase("badmm", "pi2", iterations),), samples=samples)
    states = practise(robot, task, [instance], schedule, settings, demonstrations=shown)
    after = attempt(robot, task, instance, states[instance.id].policy)
    robot.close()
    return before, after


def main() -> int:
    """Print the table, handle by handle."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=12)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--doors", type=int, default=16, help="of the training instances")
    options = parser.parse_args()
    middle = [TASK.door(CENTRE, each, f"shown/{each}") for each in TRAINED_HANDLES]
    shown = demonstrate(TASK, middle)
    assert all(IMU in each.measurements for each in shown)
    settings, size = (
        local_configuration(TASK.name, "badmm", "pi2"),
        (options.samples, options.iterations),
    )
    doors = TASK.instances("training")[: options.doors]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(measure, door, shown, settings, *size) for door in doors]
        found = {}
        for door, job in zip(doors, jobs, strict=True):
            found[door.id] = job.result()
            before, after = found[door.id]
            print(f"{door.id}, {HANDLES[handle_of(door)].name}: {before} -> {after}", flush=True)
    print("\n| handle | doors | opened before | opened after | cost before | cost after |")
    print("|---|---|---|---|---|---|")
    for handle in (*TRAINED_HANDLES, None):
        pairs = [found[door.id] for door in doors if handle in (None, handle_of(door))]
        if not pairs:
            continue
        name = "all" if handle is None else HANDLES[handle].name
        opened = [statistics.mean(pair[i].opened for pair in pairs) for i in (0, 1)]
        costs = [float(np.nanmean([pair[i].cost for pair in pairs])) for i in (0, 1)]
        cells = f"{opened[0]:.0%} | {opened[1]:.0%} | {costs[0]:.0f} | {costs[1]:.0f}"
        print(f"| {name} | {len(pairs)} | {cells} |")
    return int(opened[1] < opened[0] + 0.2)


if __name__ == "__main__":
    sys.exit(main())

"""Push a drawer shut with PI2 and with LQR on fitted models, with the same number of rollouts.

    ./adgps exec python benchmarks/drawer.py [--seeds 0 1 2] [--samples 12] [--iterations 12]

Local policies are practised on the four test instances of `drawer`, in one process, alone. LQR gets
the bound on its step that shut the drawer most often on the four validation instances, over all
seeds. A trial is a rollout of the last local policy without exploration, from an initial state of
its own; the drawer is shut if the hand ends within 3 cm of the goal.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

from adgps_bringup.in_process import InProcessRobot, practise
from adgps_bringup.parameter_files import load
from adgps_bringup.resources import hyper_parameters
from adgps_core.phases import Phase
from adgps_core.tasks import Instance, make_task
from adgps_core.tasks.drawer import SHUT
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.sampling import RolloutError
from adgps_local_worker.schedule import Schedule

TASK = make_task("drawer")
KL_STEPS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
TRIALS = 10
TRIAL_SEED = 10**6
"""Far from the seeds of practice: a trial begins in a state that was not practised."""


def configuration(optimizer: str) -> LocalConfiguration:
    """Hyper-parameters of the task's own files."""
    found: dict[str, Any] = {}
    for path in hyper_parameters(TASK.name, "badmm", optimizer):
        for pattern, parameters in load(path):
            if pattern.endswith("/local_worker"):
                found |= parameters
    known = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
        if name in LocalConfiguration.__dataclass_fields__
    }
    return replace(LocalConfiguration(), **known)


def success(
    optimizer: str,
    settings: LocalConfiguration,
    instances: Sequence[Instance],
    seed: int,
    samples: int,
    iterations: int,
    trials: int = TRIALS,
) -> float:
    """Practise, then try: the part of trials that shut the drawer."""
    robot = InProcessRobot(TASK, seed)
    schedule = Schedule((Phase("badmm", optimizer, iterations),), samples=samples, seed=seed)
    states = practise(robot, TASK, instances, schedule, settings)
    shut = 0
    for instance in instances:
        for trial in range(trials):
            robot.reset(instance, TRIAL_SEED + trial)
            try:
                end = robot.rollout(instance, states[instance.id].policy, trial, 0.0).states[-1]
            except RolloutError:
                continue
            shut += bool(TASK.distance(end, instance) <= SHUT)
    robot.close()
    return shut / (trials * len(instances))


def rates(
    optimizer: str,
    settings: Sequence[LocalConfiguration],
    instances: Sequence[Instance],
    options: argparse.Namespace,
) -> list[list[float]]:
    """Success of each of the settings, seed by seed; as many at once as there are processors."""
    seeds, size = options.seeds, (options.samples, options.iterations)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        jobs = [
            [pool.submit(success, optimizer, each, instances, seed, *size) for seed in seeds]
            for each in settings
        ]
        return [[job.result() for job in row] for row in jobs]


def main() -> int:
    """Tune LQR, compare, print the table; status 1 if it is not as the README says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--iterations", type=int, default=12)
    options = parser.parse_args()
    lqr, pi2 = configuration("lqr"), configuration("pi2")
    tried = [replace(lqr, kl_step=step) for step in KL_STEPS]
    tuning = rates("lqr", tried, TASK.instances("validation"), options)
    for settings, found in zip(tried, tuning, strict=True):
        print(f"LQR on validation, kl_step {settings.kl_step:g}: {statistics.mean(found):.0%}")
    best = tried[max(range(len(tried)), key=lambda i: statistics.mean(tuning[i]))]
    seeds = " | ".join(f"seed {seed}" for seed in options.seeds)
    print(f"\n| optimiser | rollouts an instance | {seeds} |")
    print("|---" * (len(options.seeds) + 2) + "|")
    means = []
    for name, optimizer, settings in (
        (f"LQR, `kl_step` {best.kl_step:g}", "lqr", best),
        (f"PI2, `pi2_kl` {pi2.pi2_kl:g}", "pi2", pi2),
    ):
        (found,) = rates(optimizer, [settings], TASK.instances("test"), options)
        means.append(statistics.mean(found))
        cells = " | ".join(f"{rate:.0%}" for rate in found)
        print(f"| {name} | {options.samples * options.iterations} | {cells} |")
    return int(means[0] > 0.5 or means[1] < 0.9)


if __name__ == "__main__":
    sys.exit(main())

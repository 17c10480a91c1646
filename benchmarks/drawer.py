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
from dataclasses import replace

from adgps_bringup.in_process import InProcessRobot, practise
from adgps_bringup.parameter_files import load
from adgps_bringup.resources import hyper_parameters
from adgps_core.phases import Phase
from adgps_core.tasks import Instance, make_task
from adgps_core.tasks.drawer import SHUT
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.practice import RolloutError, Schedule

TASK = make_task("drawer")
KL_STEPS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
TRIALS = 10
TRIAL_SEED = 10**6
"""Far from the seeds of practice: a trial begins in a state that was not practised."""


def configuration(optimizer: str) -> LocalConfiguration:
    """Hyper-parameters of the task's own files."""
    found: dict[str, object] = {}
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


def main() -> int:
    """Tune LQR, compare, print the table; status 1 if it is not as the README says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--iterations", type=int, default=12)
    options = parser.parse_args()
    size = (options.samples, options.iterations)
    lqr, pi2 = configuration("lqr"), configuration("pi2")
    validation, test = TASK.instances("validation"), TASK.instances("test")
    found: dict[float, float] = {}
    for step in KL_STEPS:
        settings = replace(lqr, kl_step=step)
        rates = [success("lqr", settings, validation, seed, *size) for seed in options.seeds]
        found[step] = statistics.mean(rates)
        print(f"LQR on validation, kl_step {step:g}: {found[step]:.0%}", flush=True)
    best = max(found, key=lambda step: found[step])
    print(
        "\n| optimiser | rollouts an instance | " + " | ".join(f"seed {s}" for s in options.seeds)
    )
    print("|---" * (len(options.seeds) + 2) + "|")
    means = []
    for name, optimizer, settings in (
        (f"LQR, `kl_step` {best:g}", "lqr", replace(lqr, kl_step=best)),
        (f"PI2, `pi2_kl` {pi2.pi2_kl:g}", "pi2", pi2),
    ):
        rates = [success(optimizer, settings, test, seed, *size) for seed in options.seeds]
        means.append(statistics.mean(rates))
        cells = " | ".join(f"{rate:.0%}" for rate in rates)
        print(f"| {name} | {size[0] * size[1]} | {cells} |", flush=True)
    return int(means[0] > 0.5 or means[1] < 0.9)


if __name__ == "__main__":
    sys.exit(main())

"""What demonstrations are worth: the first iterations of local policies with and without them.

    ./adgps exec python benchmarks/demonstrations.py [--bags DIR] [--iterations 8]

Demonstrations of training/0 alone, and of all training instances, are recorded by
`adgps record --demo`, unless DIR has them. Local policies are then practised in one process, alone.
Costs and final distances are means over the rollouts of an iteration, exploration included. The
exit status is 1 if demonstrations are not worth what the README says.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from adgps_bringup.demo_bags.load import arm_of, load
from adgps_bringup.in_process import InProcessRobot, practise
from adgps_bringup.options import StackOptions
from adgps_bringup.parameter_files import load as load_parameters
from adgps_bringup.resources import hyper_parameters
from adgps_core.demonstration import Demonstration
from adgps_core.phases import Phase
from adgps_core.tasks import Instance, make_task
from adgps_core.tasks.drawer import SHUT
from adgps_core.tasks.finding import find_instances
from adgps_core.trajectory import Trajectory
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.sampling import RunnablePolicy
from adgps_local_worker.schedule import Schedule

SAMPLES = {"reach": 5, "drawer": 12}
OPTIMIZERS = {"reach": "lqr", "drawer": "pi2"}
ONE, ALL = ("training/0",), tuple(f"training/{index}" for index in range(8))
CASES = (
    ("reach", ONE, ()),
    ("reach", ONE, ONE),
    ("reach", ALL, ()),
    ("reach", ALL, ONE),
    ("reach", ALL, ALL),
    ("drawer", ALL, ()),
    ("drawer", ALL, ONE),
    ("drawer", ALL, ALL),
)
"""Task, instances that are practised, and instances that are demonstrated."""


class Noting(InProcessRobot):
    """Notes its rollouts, by instance."""

    rollouts: dict[str, list[Trajectory]]

    def rollout(
        self, instance: Instance, policy: RunnablePolicy, seed: int, noise_scale: float = 1.0
    ) -> Trajectory:
        """Run a local policy."""
        trajectory = super().rollout(instance, policy, seed, noise_scale)
        self.rollouts.setdefault(instance.id, []).append(trajectory)
        return trajectory


@dataclass(frozen=True)
class Outcome:
    """Means over the rollouts of one iteration: cost, final distance [m], part within 3 cm."""

    cost: float
    distance: float
    near: float

    def __str__(self) -> str:
        """Write as cells of the table."""
        return f"{self.cost:.0f} | {100 * self.distance:.1f} | {self.near:.0%}"


def configuration(task: str) -> LocalConfiguration:
    """Hyper-parameters of the task's own files."""
    found: dict[str, Any] = {}
    for path in hyper_parameters(task, "badmm", OPTIMIZERS[task]):
        for pattern, parameters in load_parameters(path):
            if pattern.endswith("/local_worker"):
                found |= parameters
    known = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in found.items()
        if name in LocalConfiguration.__dataclass_fields__
    }
    return replace(LocalConfiguration(), **known)


def demonstrations(task: str, instances: Sequence[str], bags: Path) -> tuple[Demonstration, ...]:
    """Record demonstrations, unless it was done, and read them."""
    if not instances:
        return ()
    bag = bags / f"{task}_{len(instances)}"
    if not bag.exists():
        asked = ("--demo", str(bag), "--task", task, "--instance", *instances)
        asked = (*asked, "--real-time-factor", "4")
        command = [sys.executable, "-m", "adgps_bringup.cli", "record", *asked]
        subprocess.run(command, check=True)
    options = StackOptions(task=task)
    return load(bag, make_task(task), lambda robot: arm_of(options, robot), print)


def measure(
    task_name: str, practised: Sequence[str], shown: Sequence[Demonstration], iterations: int
) -> list[Outcome]:
    """Practise; what the first iteration came to, and the last."""
    task, samples = make_task(task_name), SAMPLES[task_name]
    instances = find_instances(task, practised)
    robot = Noting(task, seed=0)
    robot.rollouts = {}
    phases = (Phase("badmm", OPTIMIZERS[task_name], iterations),)
    schedule = Schedule(phases, samples=samples, seed=0)
    practise(robot, task, instances, schedule, configuration(task_name), demonstrations=shown)
    robot.close()
    outcomes = []
    for part in (slice(0, samples), slice(-samples, None)):
        rollouts = [each for all_of in robot.rollouts.values() for each in all_of[part]]
        costs = [task.cost(r.states[:-1], r.actions_applied, r.instance).sum() for r in rollouts]
        ends = np.array([task.distance(r.states[-1], r.instance) for r in rollouts])
        outcomes.append(Outcome(float(np.mean(costs)), ends.mean(), (ends <= SHUT).mean()))
    return outcomes


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bags", type=Path, default=Path("runs/demonstrations"))
    parser.add_argument("--iterations", type=int, default=8)
    options = parser.parse_args()
    options.bags.mkdir(parents=True, exist_ok=True)
    first = {}
    rows = []
    words = {(): "none", ONE: "training/0", ALL: "all"}
    for task, practised, demonstrated in CASES:
        shown = demonstrations(task, demonstrated, options.bags)
        begin, end = measure(task, practised, shown, options.iterations)
        first[task, practised, demonstrated] = begin
        names = f"{words[practised]} | {words[demonstrated]}"
        rows.append(f"| `{task}`, {OPTIMIZERS[task].upper()} | {names} | {begin} | {end} |")
    print("| | practised | shown |" + 2 * " cost | end [cm] | within 3 cm |")
    print("|---" * 9 + "|")
    print("\n".join(rows))
    return int(not all(first[task, ALL, ALL].near > 0.85 for task in SAMPLES))


if __name__ == "__main__":
    sys.exit(main())

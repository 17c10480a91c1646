"""Train one network to open doors with four robots, in one process tree, without ROS.

    ./adgps exec python benchmarks/door_collective.py [--quick] [--seed 0] [--no-single]
        [--vision FILE]

It is the door experiment (paper, section V-B) but for what is seen, if no pre-trained network is
given: in place of its feature points, 64 numbers that are linear in where the handle and the hand
are, as a camera of the robot's own would tell, wrong by about 0.5 cm for the door and 3 cm for the
hand, most of it for a whole rollout. Everything else is what the nodes run: practice, the
controller's rollouts, the replay memory, gradients, the server's optimiser, the hyper-parameters of
`launch/config/door`. Robots differ, and robot i keeps its handle.

Robots practise beside each other. Whenever each has finished an instance, the network is trained
with the steps that their rollouts allow, and all go on with it. At the end it is tried, without
exploration, on the grids of doors of `evaluate --trials`; the simulator tells what is open. Beside
it: a robot alone that practises one door and those around it, with as many rollouts. The exit
status is 1 if the collective's network opens less of the held-out handle than `FLOOR`, or less than
25 points more than that of the robot alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
from doors.senses import STAND_IN, make_robot, opened

from adgps_bringup.local_settings import local_configuration, own_parameters
from adgps_bringup.showing import demonstrate
from adgps_core.demonstration import Demonstration
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.phases import Phase
from adgps_core.tasks import Instance
from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import TRAINED_HANDLES
from adgps_global_worker.replay_memory import ReplayMemory
from adgps_global_worker.sgd import stochastic_gradient
from adgps_global_worker.trainer import TrainerSettings
from adgps_global_worker.training_sets import TrainingSets
from adgps_local_worker.local_state import LocalState
from adgps_local_worker.practice import Practice
from adgps_local_worker.schedule import Schedule
from adgps_param_server.optimizers import FlatOptimizer, OptimizerConfiguration

TASK = Door(visual=True)
ROBOTS = 4
FLOOR = 0.35
BETTER = 0.25


def own(node: str) -> dict[str, Any]:
    """What the task's files say of the nodes of a name."""
    return own_parameters(TASK.name, "mdgps", "pi2", node)


class Learner:
    """The parameter server and the global workers, in turns."""

    def __init__(self, samples: int, seed: int) -> None:
        server, world = own("param_server"), own("global_worker")
        self._architecture = Architecture(
            TASK.dim_o, TASK.dim_u, tuple(server["hidden"]), server["action_scale"]
        )
        rng = np.random.default_rng(seed)
        first = initial_values(self._architecture, rng, server["initial_log_variance"])
        self._optimizer = FlatOptimizer(
            OptimizerConfiguration(
                server["optimizer"],
                server["learning_rate"],
                weight_decay=server["weight_decay"],
            ),
            first,
        )
        self._average, self._averaging = first, server["averaging"]
        total = ROBOTS * world["replay_total"]
        each = min(max(world["replay_per_instance"], 3 * samples), total)
        self._memory = ReplayMemory(TASK, each, total)
        self._per_rollout = world["min_steps_per_rollout"]
        self._batch, self._longest = world["batch_size"], world["max_gradient_norm"]
        self._rng = rng
        self._sets = TrainingSets(self._memory, TrainerSettings().weight_bound)
        self._updates = 0
        self.rollouts = 0

    @property
    def policy(self) -> GlobalPolicy:
        """What robots run."""
        return self._policy(self._average)

    def learn(self, arrived: Sequence[OptimizedTrajectories]) -> None:
        """Remember what has arrived, and take the steps that it allows."""
        new = sum(self._memory.add(each).rollouts for each in arrived)
        self.rollouts += new
        data = self._sets.make(self._policy(self._optimizer.values))
        for _ in range(round(self._per_rollout * new)):
            gradient = stochastic_gradient(
                self._architecture,
                self._optimizer.values,
                data,
                self._batch,
                self._rng,
                self._longest,
            )
            self._optimizer.step(gradient.values)
            self._updates += 1
            part = 1 / min(self._averaging, self._updates)
            self._average = self._average + np.float32(part) * (
                self._optimizer.values - self._average
            )

    def _policy(self, values: Any) -> GlobalPolicy:
        version = PolicyVersion(1, self._updates)
        return GlobalPolicy(self._architecture, *TASK.observation_scaling, values, version)


class Link:
    """A robot's peers, at the other end of a pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._policy: GlobalPolicy = pipe.recv()

    def global_policy(self) -> GlobalPolicy:
        """Newest global policy."""
        return self._policy

    def publish(self, optimized: OptimizedTrajectories, state: LocalState) -> None:
        """Hand over samples and local policy."""
        self._pipe.send(optimized)

    def wait_for_training(self, rounds: int) -> None:
        """Wait for the policy that was trained with it."""
        self._policy = self._pipe.recv()


def practise(
    pipe: Connection,
    index: int,
    seed: int,
    instances: Sequence[Instance],
    schedule: Schedule,
    shown: tuple[Demonstration, ...],
    sight: str,
) -> None:
    """Process of a robot: practise all its instances, then end."""
    torch.set_num_threads(1)
    Practice(
        TASK.shown(shown),
        tuple(instances),
        local_configuration(TASK.name, "mdgps", "pi2"),
        schedule,
        make_robot(TASK, index, seed, sight),
        Link(pipe),
        f"robot_{index + 1}",
        log=lambda _: None,
        demonstrations=shown,
    ).run()
    pipe.close()


def train(
    deal: Sequence[Sequence[Instance]],
    schedule: Schedule,
    shown: tuple[Demonstration, ...],
    seed: int,
    trials: Trials,
) -> GlobalPolicy:
    """Practise and train; say now and then how good the network is."""
    spawn = get_context("spawn")
    learner = Learner(schedule.samples, seed)
    processes, pipes = [], []
    for index, instances in enumerate(deal):
        mine, other = spawn.Pipe()
        arguments = (other, index, seed, instances, schedule, shown, trials.sight)
        processes.append(spawn.Process(target=practise, args=arguments, daemon=True))
        processes[-1].start()
        other.close()
        mine.send(learner.policy)
        pipes.append(mine)
    begun = time.monotonic()
    for iteration in range(1, schedule.iterations + 1):
        for _ in deal[0]:
            learner.learn([pipe.recv() for pipe in pipes])
            for pipe in pipes:
                pipe.send(learner.policy)
        last = iteration == schedule.iterations
        if last or iteration in (schedule.phases[0].iterations, schedule.iterations // 2):
            minutes = (time.monotonic() - begun) / 60
            trials.show(f"{iteration} iterations", learner.policy, learner.rollouts, minutes)
    for process in processes:
        process.join()
    return learner.policy


class Trials:
    """Tries a policy on training doors, each by its robot, and on grids, by all robots."""

    def __init__(
        self, pool: ProcessPoolExecutor, robots: Sequence[int], seed: int, sight: str
    ) -> None:
        self._pool, self._robots, self._seed, self.sight = pool, robots, seed, sight
        training = TASK.instances("training")
        grids = [TASK.trials(kind).instances for kind in TRAINED_HANDLES]
        self._jobs = {
            "training": [(robot, training[robot::ROBOTS]) for robot in robots],
            "validation": [(robot, TASK.instances("validation")) for robot in robots],
            "trained handles, grid": [
                (robot, grids[number % len(grids)]) for number, robot in enumerate(robots)
            ],
            "held-out handle, grid": [(robot, TASK.trials().instances) for robot in robots],
        }
        self.found: dict[str, float] = {}

    def show(self, title: str, policy: GlobalPolicy, rollouts: int, minutes: float) -> None:
        """Print a row of the table."""
        cells = []
        for name, jobs in self._jobs.items():
            waiting = [
                self._pool.submit(opened, TASK, policy, self.sight, r, self._seed, d)
                for r, d in jobs
            ]
            count, whole = sum(each.result() for each in waiting), sum(len(d) for _, d in jobs)
            self.found[name] = count / whole
            cells.append(f"{self.found[name]:.0%} of {whole}")
        print(f"| {title} | {rollouts} | {minutes:.1f} | {' | '.join(cells)} |", flush=True)

    def header(self) -> None:
        """Print the head of the table."""
        names = ["after", "rollouts", "minutes", *self._jobs]
        print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a quarter of it, unjudged")
    parser.add_argument("--no-single", action="store_true", help="leave out the robot alone")
    parser.add_argument("--vision", metavar="FILE", help="of a pre-trained network")
    options = parser.parse_args()
    torch.set_num_threads(1)
    local = own("local_worker")
    phases = [Phase.parse(each) for each in local["phases"]]
    if options.quick:
        phases = [replace(each, iterations=max(1, each.iterations // 4)) for each in phases]
    samples = local["samples"]
    training = TASK.instances("training")
    shown = demonstrate(TASK, training)
    collective = [training[robot::ROBOTS] for robot in range(ROBOTS)]
    runs = {"collective": (collective, samples)}
    if not options.no_single:
        # One instance of one robot, as many rollouts in as many iterations.
        runs["a robot alone, one door"] = ([training[:1]], samples * len(training))
    found = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for name, (deal, each) in runs.items():
            print(f"\n{name}: {', '.join(map(str, phases))}, {each} rollouts of an instance")
            trials = Trials(pool, range(len(deal)), options.seed, options.vision or STAND_IN)
            trials.header()
            schedule = Schedule(tuple(phases), samples=each, seed=options.seed)
            train(deal, schedule, shown, options.seed, trials)
            found[name] = trials.found["held-out handle, grid"]
    if options.quick:
        return 0
    better = found["collective"] - found.get("a robot alone, one door", 0.0) >= BETTER
    return int(found["collective"] < FLOOR or not (better or options.no_single))


if __name__ == "__main__":
    sys.exit(main())

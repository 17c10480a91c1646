"""How many doors a network opens that imitates who knows the way, by what it sees.

    ./adgps exec python benchmarks/door_imitation.py [--vision FILE] [--seed 0]

It says in minutes whether doors can be learned from what a pre-trained vision network tells, before
hours of practice. Four robots follow demonstrations of their four training doors each, with noise;
one network of the door task's size learns the mean actions from what was observed. Then each robot
runs it, without noise, on the grids of doors of `evaluate --trials`, with the handle that it has
practised and with the one held out; the simulator tells what is open.

Rows: a network that sees the robot's state alone; one that sees stand-ins of features
(`doors/stand_in.py`); with --vision, one that sees with that network. The exit status is 1 if the
vision network opens no more of the held-out handle's doors than nothing does.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from doors.senses import BLIND, STAND_IN, make_robot, opened

from adgps_bringup.local_settings import local_configuration, own_parameters
from adgps_bringup.showing import demonstrate
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_core.networks import forward
from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import HELD_OUT_HANDLE, handle_of
from adgps_core.typing import Array, Array32
from adgps_local_worker.local_state import initial_state
from adgps_local_worker.sampling import RolloutError

TASK = Door(visual=True)
ROBOTS = 4
BATCH = 256


def follow(sight: str, index: int, seed: int, rollouts: int) -> tuple[Array, Array, Array]:
    """Follow demonstrations, and see.

    Returns
    -------
    Observations (M, dO), mean actions (M, dU), and whether a rollout opened its door (N,).
    """
    torch.set_num_threads(1)
    configuration = local_configuration(TASK.name, "mdgps", "pi2")
    robot = make_robot(TASK, index, seed, sight)
    observations, actions, opening = [], [], []
    for door in TASK.instances("training")[index::ROBOTS]:
        (shown,) = demonstrate(TASK, [door])
        policy = initial_state(TASK.shown((shown,)), configuration, shown).policy
        for number in range(rollouts):
            robot.reset(door, number)
            try:
                trajectory = robot.rollout(door, policy, number)
            except RolloutError:
                opening.append(False)
                continue
            opening.append(bool(robot.succeeded))
            observations.append(trajectory.observations)
            actions.append(policy.mean(trajectory.states[:-1]))
    robot.close()
    return np.concatenate(observations), np.concatenate(actions), np.array(opening)


def imitate(observations: Array, actions: Array, seed: int, steps: int) -> GlobalPolicy:
    """Fit the door task's network to mean actions, errors in units of the exploration noise."""
    server = own_parameters(TASK.name, "mdgps", "pi2", "param_server")
    noise = local_configuration(TASK.name, "mdgps", "pi2").demonstration_noise
    rng = np.random.default_rng(seed)
    architecture = Architecture(
        TASK.dim_o, TASK.dim_u, tuple(server["hidden"]), server["action_scale"]
    )
    offset, scale = TASK.observation_scaling
    seen = torch.from_numpy(((observations - offset) * scale).astype(np.float32))
    wanted = torch.from_numpy(actions.astype(np.float32))
    weights = 1 / torch.tensor(noise, dtype=torch.float32)
    values = torch.from_numpy(initial_values(architecture, rng)).requires_grad_()
    optimizer = torch.optim.AdamW(
        [values], lr=server["learning_rate"], weight_decay=server["weight_decay"]
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.from_numpy(rng.integers(len(seen), size=BATCH))
        mean, _ = forward(architecture, values, seen[rows])
        loss = (weights * (mean - wanted[rows])).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    found: Array32 = values.detach().numpy()
    return GlobalPolicy(architecture, offset, scale, found, PolicyVersion(1, steps))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vision", metavar="FILE", help="of a pre-trained network")
    parser.add_argument("--seed", type=int, default=0, help="of the robots and the network")
    parser.add_argument("--rollouts", type=int, default=4, help="of each training door")
    parser.add_argument("--steps", type=int, default=10_000, help="of gradient descent")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sights = [BLIND, STAND_IN, *([options.vision] if options.vision else [])]
    training = TASK.instances("training")
    handles = [handle_of(training[robot]) for robot in range(ROBOTS)]
    grids = {
        "handle practised": [TASK.trials(handle).instances for handle in handles],
        "handle held out": [TASK.trials(HELD_OUT_HANDLE).instances] * ROBOTS,
    }
    print(f"| sees | {' | '.join(grids)} |\n|{'---|' * (1 + len(grids))}")
    held_out: list[float] = []
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for sight in sights:
            robots = range(ROBOTS)
            parts = pool.map(
                follow,
                [sight] * ROBOTS,
                robots,
                [options.seed] * ROBOTS,
                [options.rollouts] * ROBOTS,
            )
            observations, actions, opening = map(np.concatenate, zip(*parts, strict=True))
            if sight == BLIND:
                print(f"| (who is imitated) | {opening.mean():.0%} of {len(opening)} | |")
            policy = imitate(observations, actions, options.seed, options.steps)
            cells = []
            for doors in grids.values():
                waiting = [
                    pool.submit(opened, TASK, policy, sight, robot, options.seed, doors[robot])
                    for robot in robots
                ]
                count, whole = sum(each.result() for each in waiting), sum(map(len, doors))
                cells.append(f"{count / whole:.0%} of {whole}")
                held_out.append(count / whole)
            print(f"| {sight} | {' | '.join(cells)} |", flush=True)
    return int(bool(options.vision) and held_out[-1] <= held_out[1])


if __name__ == "__main__":
    sys.exit(main())

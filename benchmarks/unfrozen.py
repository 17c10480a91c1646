"""Time a gradient with the convolutions frozen and trained, on one thread as `exec` sets it.

    ./adgps exec python benchmarks/unfrozen.py [--rows 24] [--repeats 10]

Frozen, a mini-batch is rows of numbers; trained with the policy, the images of its rows go through
figure 8's network, forth and back. Both in turns, with the door's perceptron; images are noise.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch

from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import make_task
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_core.vision.pictures import compressed
from adgps_global_worker.batches import InstanceSamples, TrainingSet, instance_rows, training_set
from adgps_global_worker.sgd import stochastic_gradient

TASK = make_task("visual_door")
HIDDEN = (256, 256)
ROLLOUTS = 4


def training_data(trained: bool, rng: np.random.Generator) -> tuple[GlobalPolicy, TrainingSet]:
    """A policy and rollouts to train it on, every number drawn at random."""
    vision = VisionArchitecture() if trained else None
    architecture = Architecture(TASK.dim_o, TASK.dim_u, HIDDEN, vision=vision)
    eyes = initial_vision_values(vision, rng) if vision else None
    values = initial_values(architecture, rng, vision=eyes)
    policy = GlobalPolicy(architecture, *TASK.observation_scaling, values)
    horizon, dim_x, dim_u = TASK.horizon, TASK.dim_x, TASK.dim_u
    coarse = rng.integers(0, 256, (ROLLOUTS, horizon, 25, 32, 3), dtype=np.uint8)
    height, width, _ = VisionArchitecture().image_shape
    samples = InstanceSamples(
        states=rng.standard_normal((ROLLOUTS, horizon, dim_x)),
        observations=rng.standard_normal((ROLLOUTS, horizon, TASK.dim_o)),
        actions=rng.standard_normal((ROLLOUTS, horizon, dim_u)),
        log_probabilities=np.zeros((ROLLOUTS, horizon)),
        method="mdgps",
        policy=LinearGaussianPolicy(
            0.1 * rng.standard_normal((horizon, dim_u, dim_x)),
            np.zeros((horizon, dim_u)),
            np.tile(np.eye(dim_u), (horizon, 1, 1)),
        ),
        multipliers=np.zeros((horizon, dim_u)),
        kl_weights=np.ones(horizon),
        images=tuple(
            tuple(
                compressed(image.repeat(10, 0).repeat(10, 1)[:height, :width].copy())
                for image in rollout
            )
            for rollout in coarse
        ),
    )
    return policy, training_set([instance_rows(samples, policy, weight_bound=1.0)])


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    data = {trained: training_data(trained, rng) for trained in (False, True)}
    durations: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(options.repeats + 1):
        for trained, (policy, rows) in data.items():
            begin = time.perf_counter()
            stochastic_gradient(policy.architecture, policy.values, rows, options.rows, rng)
            durations[trained].append(1e3 * (time.perf_counter() - begin))
    print(f"| convolutions | parameters | a gradient on {options.rows} rows, median [ms] |")
    print("|---|---|---|")
    for trained, (policy, _) in data.items():
        name = "trained" if trained else "frozen"
        print(f"| {name} | {len(policy.values)} | {np.median(durations[trained][1:]):.1f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"\nat most {peak:.1f} GiB in all")


if __name__ == "__main__":
    main()

"""Time the vision network of the paper's figure 8, on one thread as `exec` sets it.

    ./adgps exec python benchmarks/vision.py [--repeats 100]

All forms compute the same function (src/adgps_core/test/test_vision.py): as the figure draws it,
and with what commutes with upscaling done at a quarter of the pixels, in torch and in numpy. Robots
use numpy's; "a tick" is all that the global policy of a vision task does at 20 Hz, from an image's
bytes to torques. The exit status is 1 if that takes more than 25 ms, half of the period.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.figure8 import Figure8
from adgps_core.vision.network import forward_vision, scaled_images
from adgps_core.vision.observation import dim_visual_observation, visual_observation

PERIOD_MS = 50.0
BUDGET_MS = 25.0
TICK = "a tick: numpy, then the policy"


def frozen(module: torch.nn.Module, example: torch.Tensor) -> Callable[[torch.Tensor], object]:
    """Trace a module and fuse what can be fused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated: the successors need a compiler
        traced = torch.jit.trace(module.eval(), example)
        return torch.jit.optimize_for_inference(torch.jit.freeze(traced))


def forms(batch: int) -> dict[str, Callable[[], object]]:
    """What is timed, by name, for that many images."""
    rng = np.random.default_rng(0)
    architecture = VisionArchitecture()
    values = initial_vision_values(architecture, rng)
    images = rng.integers(0, 256, (batch, *architecture.image_shape), dtype=np.uint8)
    flat, tensors = torch.from_numpy(values), torch.from_numpy(images)
    inner = scaled_images(tensors)
    outer = inner.contiguous()
    planar = Figure8(architecture, flat)
    channels_last = Figure8(architecture, flat).to(memory_format=torch.channels_last)
    compiled = frozen(Figure8(architecture, flat), outer)
    network = VisionNetwork(architecture, values)
    size = dim_visual_observation(architecture)
    layers = Architecture(size, 7, hidden=(64, 64))
    policy = GlobalPolicy(layers, np.zeros(size), np.ones(size), initial_values(layers, rng))
    first, state = np.zeros(architecture.dim_features), np.zeros(32)

    def tick() -> None:
        for image in images:
            features = network.features(image)
            policy.mean(visual_observation(features, first, state, np.float64(0.0)))

    return {
        "torch, as figure 8 draws it": lambda: planar(outer),
        "the same, channels innermost": lambda: channels_last(inner),
        "the same, traced and frozen": lambda: compiled(outer),
        "torch, a quarter of the pixels": lambda: forward_vision(
            architecture, flat, scaled_images(tensors)
        ),
        "numpy": lambda: [network.features(image) for image in images],
        TICK: tick,
    }


def durations_ms(function: Callable[[], object], repeats: int) -> np.ndarray:
    """Durations of calls [ms], after some that are not counted."""
    for _ in range(5):
        function()
    durations = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        durations.append(time.perf_counter() - begin)
    return 1e3 * np.array(durations)


def main() -> int:
    """Measure, print the table, and tell by the exit status whether a tick meets its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    print(f"one thread, {options.repeats} calls, load of the machine before: {load:.2f}\n")
    with torch.inference_mode():
        single, several = forms(1), forms(8)
        print("| one call [ms] | 1 image, median | p99 | 8 images, median |\n|---|---|---|---|")
        ticks = np.empty(0)
        for name, function in single.items():
            alone = durations_ms(function, options.repeats)
            together = durations_ms(several[name], max(1, options.repeats // 5))
            cells = (np.median(alone), np.quantile(alone, 0.99), np.median(together))
            print(f"| {name} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |")
            ticks = alone if name == TICK else ticks
    median, late = np.median(ticks), np.quantile(ticks, 0.99)
    left = PERIOD_MS - median
    print(f"\na tick takes {median:.1f} ms of the {PERIOD_MS:g} ms of 20 Hz; {left:.1f} ms remain")
    return 1 if late > BUDGET_MS else 0


if __name__ == "__main__":
    sys.exit(main())

"""How long the simulated camera takes, and what of a tick's 50 ms is left to a robot that sees.

    ./adgps exec python benchmarks/rendering.py [--sheet docs/results/door/contact_sheet.png]

PyBullet's own renderer draws the arm's full meshes ("before"), the camera light ones by OpenCV
("now"), of the same doors at the begin, the turned handle and the end of guided demonstrations, in
turns. The other parts of a tick are measured in turns with them: the features of an image, the
policy's mean, and 50 ms of physics. Times are those of the one thread at work, in which a machine
busy with other things shows less than in the clock on the wall.

Each row of the sheet is a handle, the last the one that is never trained with.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pybullet

from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import CENTRE
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.observation import dim_visual_observation, visual_observation
from adgps_sim.camera import HEIGHT, WIDTH, CameraPose
from adgps_sim.demonstrating import HOLD_DAMPING
from adgps_sim.door.handles import HANDLES
from adgps_sim.scene import scene_builder
from adgps_sim.world import World

TASK = Door()
TICKS = (0, 45, TASK.horizon - 1)
"""Of the begin, the turned handle and the end."""
PERIOD_MS = 50.0
BEFORE, NOW = "image, PyBullet's renderer", "image, now"
FEATURES, POLICY, PHYSICS = "features", "policy", "50 ms of physics"


def tiny_look(client: int, pose: CameraPose) -> None:
    """Draw as the camera did before."""
    pybullet.getCameraImage(
        WIDTH,
        HEIGHT,
        pybullet.computeViewMatrix(pose.eye, pose.target, (0.0, 0.0, 1.0)),
        pybullet.computeProjectionMatrixFOV(np.degrees(0.65), WIDTH / HEIGHT, 0.05, 4.0),
        shadow=False,
        lightDirection=(-1.0, -1.0, 2.0),
        flags=pybullet.ER_NO_SEGMENTATION_MASK,
        renderer=pybullet.ER_TINY_RENDERER,
        physicsClientId=client,
    )


def network_and_policy() -> tuple[VisionNetwork, GlobalPolicy]:
    """Those of figure 8 and of the door, untrained: their sizes make the time."""
    rng = np.random.default_rng(0)
    sees = VisionArchitecture()
    size = dim_visual_observation(sees)
    layers = Architecture(size, 7, hidden=(64, 64))
    network = VisionNetwork(sees, initial_vision_values(sees, rng))
    return network, GlobalPolicy(layers, np.zeros(size), np.ones(size), initial_values(layers, rng))


def main() -> None:
    """Measure, print the table, write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--rounds", type=int, default=10, help="at each of 12 moments (10)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"load of the machine before: {os.getloadavg()[0]:.2f}\n")
    world = World(scene=scene_builder(TASK.name))
    camera = world.camera()
    network, policy = network_and_policy()
    took: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, function: Callable[[], object]) -> None:
        begin = time.process_time()
        function()
        took[name].append(1e3 * (time.process_time() - begin))

    def step() -> None:
        world.step(-HOLD_DAMPING * world.state.velocities, TASK.control_period)

    rows = []
    for handle in range(len(HANDLES)):
        instance = TASK.door(CENTRE, handle, "shown")
        world.reset(TASK.start_joint_angles, instance)
        world.lead(world.guide_path(instance))
        row = []
        for tick in range(TASK.horizon):
            if tick in TICKS:
                image = camera.look().image
                row.append(image)
                first = features = network.features(image)
                seen = visual_observation(features, first, np.zeros(32), np.float64(0.0))
                for _ in range(options.rounds):
                    timed(BEFORE, lambda: tiny_look(world._client, camera.pose))
                    timed(NOW, camera.look)
                    timed(FEATURES, lambda image=image: network.features(image))
                    timed(POLICY, lambda seen=seen: policy.mean(seen))
            timed(PHYSICS, step)
        rows.append(np.concatenate(row, axis=1))
    if options.sheet is not None:
        options.sheet.parent.mkdir(parents=True, exist_ok=True)
        sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(options.sheet), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        print(f"{options.sheet}: {options.sheet.stat().st_size / 1000:.0f} kB")
    print("| part of a tick [ms] | median | p90 |\n|---|---|---|")
    for name, times in took.items():
        print(f"| {name} | {np.median(times):.1f} | {np.quantile(times, 0.9):.1f} |")
    ratios = np.divide(took[BEFORE], took[NOW])
    low, middle, high = np.quantile(ratios, (0.1, 0.5, 0.9))
    print(f"\nan image takes 1/{middle:.1f} of the time before (p10 {low:.1f}, p90 {high:.1f})")
    tick = sum(np.median(took[name]) for name in (NOW, FEATURES, POLICY, PHYSICS))
    print(
        f"together {tick:.1f} ms of the {PERIOD_MS:g} ms of 20 Hz; {PERIOD_MS - tick:.1f} ms remain"
    )


if __name__ == "__main__":
    main()

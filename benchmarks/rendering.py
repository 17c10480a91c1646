"""Draw the door through the simulated camera: how long an image takes, and a sheet of them.

    ./adgps exec python benchmarks/rendering.py [--sheet docs/results/door/contact_sheet.png]

Each row of the sheet is a handle, the last the one that is never trained with; columns are the
begin, the turned handle and the end of a guided demonstration.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import cv2
import numpy as np

from adgps_core.tasks.door import CENTRE, Door
from adgps_sim.demonstrating import HOLD_DAMPING
from adgps_sim.door.handles import HANDLES
from adgps_sim.scene import scene_builder
from adgps_sim.world import World

TASK = Door()
TICKS = (0, 58, 119)
LOOKS = 30


def main() -> None:
    """Print the time, write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    world = World(scene=scene_builder(TASK.name))
    camera = world.camera()
    rows = []
    for handle in range(len(HANDLES)):
        instance = TASK.door(CENTRE, handle, "shown")
        world.reset(TASK.start_joint_angles, instance)
        world.lead(world.guide_path(instance))
        row = []
        for tick in range(TASK.horizon):
            if tick in TICKS:
                row.append(camera.look().image)
            world.step(-HOLD_DAMPING * world.state.velocities, TASK.control_period)
        rows.append(np.concatenate(row, axis=1))
    if options.sheet is not None:
        options.sheet.parent.mkdir(parents=True, exist_ok=True)
        sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(options.sheet), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        print(f"{options.sheet}: {options.sheet.stat().st_size / 1000:.0f} kB")
    took = []
    for _ in range(LOOKS):
        begin = time.perf_counter()
        camera.look()
        took.append(1000 * (time.perf_counter() - begin))
    print(f"an image takes {statistics.median(took):.0f} ms (median of {LOOKS})")


if __name__ == "__main__":
    main()

"""Images of two coloured blobs whose places are the labels."""

from __future__ import annotations

import numpy as np

from adgps_global_worker.pretraining.samples import PoseSamples

HEIGHT, WIDTH = 40, 50
RED, BLUE = (250, 60, 40), (40, 80, 250)


def blobs(count: int, seed: int = 0, robots: int = 2) -> PoseSamples:
    """Draw images with a red blob, the object, and a blue one, the end-effector.

    Poses are linear in the blobs' places; for the end-effector, by another matrix for each robot.
    """
    rng = np.random.default_rng(seed)
    places = rng.uniform(-0.8, 0.8, (2, count, 2))  # image coordinates x, y
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    images = np.tile(rng.uniform(40, 90, (count, 1, 1, 3)), (1, HEIGHT, WIDTH, 1))
    for colour, at in zip((RED, BLUE), places, strict=True):
        distances = np.square(x - at[:, 0, None, None]) + np.square(y - at[:, 1, None, None])
        blob = np.exp(-0.5 * distances / 0.12**2)[..., None]
        images += blob * (np.array(colour) - images)
    images += rng.normal(0.0, 5.0, images.shape)
    who = rng.integers(0, robots, count)
    maps = np.random.default_rng(99).uniform(-0.2, 0.2, (1 + robots, 2, 9))
    end_effector_points = np.einsum("nf,nfo->no", places[1], maps[1 + who]) + who[:, None]
    return PoseSamples(
        images.clip(0, 255).astype(np.uint8),
        who,
        (places[0] @ maps[0] + 0.5).astype(np.float32),
        end_effector_points.astype(np.float32),
    )

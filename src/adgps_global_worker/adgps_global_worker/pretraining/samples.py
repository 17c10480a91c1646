"""Images with poses, and folders of them.

A folder holds any number of shards, files `NAME.safetensors` of some hundred samples each, written
whole by whoever collects: several robots may write to one folder under names of their own, and what
comes later adds to what is there.

Shapes: N samples, H x W image. Poses are 9 numbers, three points fixed to the body.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from adgps_core.checkpoints import DamagedCheckpointError, read_checkpoint, write_checkpoint
from adgps_core.typing import Array32

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SUFFIX = ".safetensors"
MAX_ROBOTS = 1000


@dataclass(frozen=True)
class PoseSamples:
    """Images, and where the object and the end-effector were.

    Parameters
    ----------
    images : (N, H, W, 3) uint8, RGB.
    robots : (N,) int64, number of the robot that took each image, 0, 1, ...
    object_points : (N, 9) float32, the object's three points in the camera's frame [m]: alike for
        all robots, wherever their cameras stand.
    end_effector_points : (N, 9) float32, those of the end-effector in the robot's base frame [m],
        which its camera sees from a place of its own.
    starts : (N,) bool, whether the arm was where rollouts begin; empty: in all images.

    Raises
    ------
    ValueError
        If a shape or type is wrong, or a number cannot be.
    """

    images: NDArray[np.uint8]
    robots: NDArray[np.int64]
    object_points: Array32
    end_effector_points: Array32
    starts: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, np.bool_))

    def __post_init__(self) -> None:
        """Validate."""
        count = len(self.images)
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] != 3:
            raise ValueError(f"images are {self.images.shape} {self.images.dtype}")
        if self.robots.dtype != np.int64 or self.robots.shape != (count,):
            raise ValueError(f"robots are {self.robots.shape} {self.robots.dtype}")
        if ((self.robots < 0) | (self.robots >= MAX_ROBOTS)).any():
            raise ValueError(f"a robot's number is not in 0 ... {MAX_ROBOTS - 1}")
        if not np.size(self.starts):
            object.__setattr__(self, "starts", np.ones(count, np.bool_))
        if self.starts.dtype != np.bool_ or self.starts.shape != (count,):
            raise ValueError(f"starts are {self.starts.shape} {self.starts.dtype}")
        for name in ("object_points", "end_effector_points"):
            points = getattr(self, name)
            if points.dtype != np.float32 or points.shape != (count, 9):
                raise ValueError(f"{name} are {points.shape} {points.dtype}")
            if not np.isfinite(points).all():
                raise ValueError(f"{name} hold a number that is not finite")

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.images)


def write_shard(folder: Path, name: str, samples: PoseSamples) -> Path:
    """Write samples as one more file of a folder, whole or not at all.

    Raises
    ------
    ValueError
        If the name has other characters than letters, digits, _ and -, or there are no samples.
    OSError
        If the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"a shard cannot be named {name!r}")
    if not len(samples):
        raise ValueError("a shard needs samples")
    path = folder / f"{name}{_SUFFIX}"
    arrays = {each.name: getattr(samples, each.name) for each in fields(samples)}
    write_checkpoint(path, arrays, {"kind": "pose samples"})
    return path


def read_shard(path: Path) -> PoseSamples:
    """Read a shard whole, verified.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedCheckpointError
        If it is damaged or holds something else.
    """
    arrays, _ = read_checkpoint(path)
    try:
        return PoseSamples(**arrays)
    except (TypeError, ValueError) as error:
        raise DamagedCheckpointError(f"{path} holds no pose samples: {error}") from error


class PoseDataset:
    """All shards of a folder; labels in memory, images read as they are needed.

    Every shard is read and verified once, when the data set is opened.

    Parameters
    ----------
    folder : what `write_shard` wrote to.

    Raises
    ------
    FileNotFoundError
        If it holds no shard.
    DamagedCheckpointError
        If a shard is damaged; the message names it.
    ValueError
        If the shards' images differ in size.
    """

    def __init__(self, folder: Path) -> None:
        """Read all labels, and open the images."""
        paths = sorted(folder.glob(f"*{_SUFFIX}"))
        if not paths:
            raise FileNotFoundError(f"{folder} holds no samples (*{_SUFFIX})")
        sizes, robots, objects, end_effectors, starts, shapes = [], [], [], [], [], set()
        for path in paths:
            shard = read_shard(path)
            shapes.add(shard.images.shape[1:])
            sizes.append(len(shard))
            robots.append(shard.robots)
            objects.append(shard.object_points)
            end_effectors.append(shard.end_effector_points)
            starts.append(shard.starts)
        if len(shapes) > 1:
            raise ValueError(f"images in {folder} differ in size: {sorted(shapes)}")
        (self.image_shape,) = shapes
        self.robots = np.concatenate(robots)
        self.object_points = np.concatenate(objects)
        self.end_effector_points = np.concatenate(end_effectors)
        self.starts = np.concatenate(starts)
        self._ends = np.cumsum(sizes)
        opened: list[Any] = [safe_open(path, framework="numpy") for path in paths]
        self._images = [shard.get_slice("images") for shard in opened]  # mapped, not read

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.robots)

    @property
    def robot_count(self) -> int:
        """One more than the highest number of a robot."""
        return int(self.robots.max()) + 1

    @property
    def fingerprint(self) -> str:
        """Hash of all labels, in their order: whether two data sets are the same."""
        digest = hashlib.sha256()
        for labels in (self.robots, self.object_points, self.end_effector_points, self.starts):
            digest.update(labels.tobytes())
        return digest.hexdigest()

    def images(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Images (n, H, W, 3) of samples (n,)."""
        shards = np.searchsorted(self._ends, indices, side="right")
        begins = np.concatenate([[0], self._ends[:-1]])
        images = np.empty((len(indices), *self.image_shape), np.uint8)
        for row, (shard, index) in enumerate(zip(shards, indices, strict=True)):
            images[row] = self._images[shard][int(index - begins[shard])]
        return images

    def split(
        self, held_out: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw which samples to train on and which to hold out; at least one of each.

        Raises
        ------
        ValueError
            If there are fewer than two samples.
        """
        if len(self) < 2:
            raise ValueError("a data set needs two samples, one to train on and one to hold out")
        order = rng.permutation(len(self))
        count = int(np.clip(round(held_out * len(self)), 1, len(self) - 1))
        return np.sort(order[count:]), np.sort(order[:count])


def batches(
    indices: NDArray[np.int64], batch_size: int, seed: int, begin: int
) -> Iterator[NDArray[np.int64]]:
    """Mini-batches without end, in an order that follows from the seed and the step alone.

    Every epoch goes through all samples once, in an order of its own; what is left at its end and
    fills no batch is skipped. Whoever begins at step `begin` sees what would have come then.
    """
    size = min(batch_size, len(indices))
    per_epoch = len(indices) // size
    step = begin
    while True:
        epoch, first = divmod(step, per_epoch)
        order = np.random.default_rng([seed, epoch]).permutation(indices)
        for position in range(first, per_epoch):
            yield order[position * size : (position + 1) * size]
        step = (epoch + 1) * per_epoch

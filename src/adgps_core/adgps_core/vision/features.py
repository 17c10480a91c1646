"""The vision network as numbers: what a robot computes from each image, without torch.

A policy takes feature points from where they are when rollouts begin, on the average: numbers that
lie about zero tell a policy that learns from few rollouts less of what happens to go with them.

The same function as `network.py`'s, to float32's rounding; torch, its 190 MB and two seconds of
start-up stay out of a robot's processes. A convolution is a matrix product: each pixel's
neighbourhood is laid out as a row, strip by strip, so that a strip stays in the processor's cache.
Channels lie innermost. Beyond what `network.py` saves, bias and ReLU come after the pooling (both
are monotone), and the last 1x1 convolution is multiplied into those of the levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from adgps_core.typing import Array32
from adgps_core.vision.architecture import VisionArchitecture, halved
from adgps_core.vision.cells import finest_cells

STRIP_BYTES = 2**19
"""What a strip of neighbourhoods may take, so that it stays in the second cache."""


@dataclass(frozen=True)
class VisionNetwork:
    """Images to feature points.

    Parameters
    ----------
    architecture : sizes of the network.
    values : (P,) float32 parameters, flat.
    rest : (2 channels,) image coordinates that features are counted from; empty: zero.

    Raises
    ------
    ValueError
        If the length does not fit the architecture, or a number is not finite.
    """

    architecture: VisionArchitecture
    values: Array32 = field(repr=False)
    rest: Array32 = field(default_factory=lambda: np.zeros(0, np.float32), repr=False)

    def __post_init__(self) -> None:
        """Validate, and freeze a copy of the values."""
        values = np.array(self.values, dtype=np.float32)
        if values.shape != (self.architecture.size,):
            raise ValueError(
                f"values has shape {values.shape}, expected ({self.architecture.size},)"
            )
        if not np.isfinite(values).all():
            raise ValueError("values holds a number that is not finite")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        size = self.architecture.dim_features
        rest = np.array(self.rest if np.size(self.rest) else np.zeros(size), dtype=np.float32)
        if rest.shape != (size,) or not np.isfinite(rest).all():
            raise ValueError(f"rest must be {size} finite numbers, not of shape {rest.shape}")
        rest.flags.writeable = False
        object.__setattr__(self, "rest", rest)

    @staticmethod
    def from_tensors(
        architecture: VisionArchitecture,
        tensors: Mapping[str, Array32],
        rest: Array32,
    ) -> VisionNetwork:
        """Make the network of named parameters; ValueError if names or shapes do not fit."""
        found = {name: tensor.shape for name, tensor in tensors.items()}
        if found != architecture.shapes:
            raise ValueError(f"parameters {found}, expected {architecture.shapes}")
        parts = [tensors[name].ravel() for name in architecture.shapes]
        return VisionNetwork(architecture, np.concatenate(parts), rest)

    @cached_property
    def tensors(self) -> dict[str, Array32]:
        """Views of values by name."""
        shapes = self.architecture.shapes
        ends = np.cumsum([np.prod(shape) for shape in shapes.values()])
        parts = np.split(self.values, ends[:-1])
        return {
            name: part.reshape(shape)
            for (name, shape), part in zip(shapes.items(), parts, strict=True)
        }

    def features(self, image: NDArray[np.uint8]) -> Array32:
        """What a policy sees of an image: `points`, counted from where they rest."""
        features: Array32 = self.points(image) - self.rest
        return features

    def points(self, image: NDArray[np.uint8]) -> Array32:
        """Feature points of one image.

        Parameters
        ----------
        image : (height, width, 3) uint8, RGB.

        Returns
        -------
        (2 channels,) image coordinates x_1, y_1, x_2, y_2, ... in [-1, 1].

        Raises
        ------
        ValueError
            If the image has another size or type.
        """
        if image.shape != self.architecture.image_shape or image.dtype != np.uint8:
            wanted = self.architecture.image_shape
            raise ValueError(f"image is {image.shape} {image.dtype}, expected {wanted} uint8")
        levels = self._levels(image)
        total = levels.pop()
        while levels:
            finer = levels.pop()
            _add_upscaled(finer, total)
            total = finer
        return self._soft_argmax(total)

    def _levels(self, image: NDArray[np.uint8]) -> list[Array32]:
        """What each level adds to the last maps, the finest first: (rows, columns, channels)."""
        hidden = _zero_padded(self.architecture.height, self.architecture.width, 3)
        inner = hidden[1:-1, 1:-1]
        np.multiply(image, np.float32(1 / 127.5), out=inner)
        inner -= 1.0
        maps = _convolve(hidden, self._kernels[0], stride=2)
        maps += self.tensors["stem.bias"]
        hidden = _zero_padded(*maps.shape)
        np.maximum(maps, 0.0, out=hidden[1:-1, 1:-1])
        levels = []
        for k in range(1, self.architecture.levels + 1):
            pooled = _pooled(_convolve(hidden, self._kernels[k]))
            pooled += self.tensors[f"level_{k}.bias"]
            np.maximum(pooled, 0.0, out=pooled)
            weight, bias = self._sides[k - 1]
            levels.append(pooled @ weight + bias)
            hidden = _zero_padded(*pooled.shape)
            hidden[1:-1, 1:-1] = pooled
        return levels

    def _soft_argmax(self, maps: Array32) -> Array32:
        (rows, y), (columns, x) = self._cells
        weights = np.exp(maps - maps.max(axis=(0, 1)))
        by_row = columns @ weights  # (rows, channels)
        by_column = (rows @ weights.reshape(len(weights), -1)).reshape(maps.shape[1:])
        points: Array32 = np.stack([(columns * x) @ by_column, (rows * y) @ by_row], -1)
        points /= (rows @ by_row)[:, None]
        return points.ravel()

    @cached_property
    def _cells(self) -> list[tuple[Array32, Array32]]:
        """Pixels of a cell and mean coordinate, along the rows and along the columns."""
        return [
            (cells.pixels.astype(np.float32), cells.coordinates.astype(np.float32))
            for cells in finest_cells(self.architecture)
        ]

    @cached_property
    def _kernels(self) -> list[Array32]:
        """Kernels of the 3x3 convolutions: (9 in, out), a neighbourhood's row being y, x, in."""
        names = ["stem", *(f"level_{k}" for k in range(1, self.architecture.levels + 1))]
        weights = [self.tensors[f"{name}.weight"] for name in names]
        return [
            np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).reshape(-1, len(weight))
            for weight in weights
        ]

    @cached_property
    def _sides(self) -> list[tuple[Array32, Array32]]:
        """Matrix (in, out) and bias (out,) from each level to the last maps; the last bias once."""
        maps = self.tensors["maps.weight"][:, :, 0, 0].T
        sides = []
        for k in range(1, self.architecture.levels + 1):
            weight = self.tensors[f"side_{k}.weight"][:, :, 0, 0].T
            sides.append((weight @ maps, self.tensors[f"side_{k}.bias"] @ maps))
        weight, bias = sides[0]
        sides[0] = weight, bias + self.tensors["maps.bias"]
        return sides


def _zero_padded(rows: int, columns: int, channels: int) -> Array32:
    return np.zeros((rows + 2, columns + 2, channels), np.float32)


def _convolve(padded: Array32, kernel: Array32, stride: int = 1) -> Array32:
    """Convolve 3x3 what is padded by one, (rows + 2, columns + 2, in), to (rows', columns', out).

    Row and column i of the result are centred on i * stride.
    """
    channels = padded.shape[2]
    rows, columns = ((size - 3) // stride + 1 for size in padded.shape[:2])
    down, right, inner = padded.strides
    # A neighbourhood's three pixels in a row lie beside each other, with all their channels.
    neighbourhoods = as_strided(
        padded,
        (rows, columns, 3, 3 * channels),
        (down * stride, right * stride, down, inner),
        writeable=False,
    )
    result = np.empty((rows, columns, kernel.shape[1]), np.float32)
    height = min(rows, max(1, STRIP_BYTES // (columns * kernel.shape[0] * 4)))
    strip = np.empty((height, columns, 3, 3 * channels), np.float32)
    for begin in range(0, rows, height):
        count = min(height, rows - begin)
        strip[:count] = neighbourhoods[begin : begin + count]
        np.matmul(
            strip[:count].reshape(count * columns, -1),
            kernel,
            out=result[begin : begin + count].reshape(count * columns, -1),
        )
    return result


def _pooled(maps: Array32) -> Array32:
    """Greatest of each 2x2 window; those at an odd edge are cut."""
    rows, columns, _ = maps.shape
    upper = maps[0::2].copy()
    np.maximum(upper[: rows // 2], maps[1::2], out=upper[: rows // 2])
    pooled = upper[:, 0::2].copy()
    np.maximum(pooled[:, : columns // 2], upper[:, 1::2], out=pooled[:, : columns // 2])
    return pooled


def _add_upscaled(finer: Array32, coarser: Array32) -> None:
    """Add each value of the coarser maps to the cells of the finer ones that it stands for."""
    assert coarser.shape[:2] == halved(finer.shape[:2])
    for down in range(2):
        for right in range(2):
            cells = finer[down::2, right::2]
            cells += coarser[: cells.shape[0], : cells.shape[1]]

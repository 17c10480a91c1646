"""Layers of the vision network (paper, section V-B and figure 8), and where their numbers lie.

An RGB image goes through a 3x3 convolution of stride 2, then through five levels, each a 3x3
convolution and 2x2 max-pooling. What every level puts out passes a 1x1 convolution of its own, is
upscaled to the size of the first convolution's map (nearest neighbour), and all are added; another
1x1 convolution makes the last 32 maps. The spatial soft-argmax of each, the mean of the pixels'
coordinates under a softmax over the map, is a feature point: 64 numbers.

Where the figure leaves a choice, it is made thus:

- Every convolution is padded by one, so that it keeps sizes (stride 1) or halves them (stride 2):
  250 x 314 pixels become the figure's 125 x 157.
- Halves are rounded up, 125 x 157, 63 x 79, 32 x 40, 16 x 20, 8 x 10, 4 x 5: the last window of an
  odd size is cut at the edge. Rounding down, no level would see the last row of the one before.
- Upscaling gives each value to the pixels that it was pooled from, 2^k x 2^k at level k, cut at the
  edge. A ratio of sizes, such as 125 / 32, would shift some by a pixel.
- The 3x3 convolutions are followed by a ReLU; the 1x1 convolutions are linear.
- Image coordinates run from -1, the centre of the first pixel of the last maps, to 1, that of the
  last one: x to the right, y down.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from adgps_core.typing import Array, Array32

MAX_LEVELS = 16


@dataclass(frozen=True)
class VisionArchitecture:
    """Sizes of the vision network; the defaults are those of figure 8.

    Parameters
    ----------
    height, width : of the image [pixel].
    stem_channels : maps of the first convolution.
    channels : maps of every other one, and how many feature points there are.
    levels : how often the maps are halved after the first convolution.

    Raises
    ------
    ValueError
        If a size is not positive, or there are more levels than any image has halves.
    TypeError
        If a size is not a whole number.
    """

    height: int = 250
    width: int = 314
    stem_channels: int = 16
    channels: int = 32
    levels: int = 5

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be."""
        for name in ("height", "width", "stem_channels", "channels", "levels"):
            object.__setattr__(self, name, operator.index(getattr(self, name)))
        sizes = (self.height, self.width, self.stem_channels, self.channels, self.levels)
        if min(sizes) < 1 or self.levels > MAX_LEVELS:
            raise ValueError(f"sizes of a vision network must be positive: {self}")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape (height, width, 3) of an image."""
        return self.height, self.width, 3

    @property
    def dim_features(self) -> int:
        """How many numbers come out: two for each feature point."""
        return 2 * self.channels

    @property
    def map_size(self) -> tuple[int, int]:
        """Rows and columns of the first convolution's maps, and of the last ones."""
        return halved((self.height, self.width))

    @property
    def level_sizes(self) -> list[tuple[int, int]]:
        """Rows and columns of what each level puts out, the finest first."""
        sizes = [self.map_size]
        for _ in range(self.levels):
            sizes.append(halved(sizes[-1]))
        return sizes[1:]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters by name, in their flat order: (out, in, rows, columns), (out,).

        `stem` is the first convolution, `level_k` the 3x3 and `side_k` the 1x1 convolution of level
        k = 1, 2, ..., `maps` the last one.
        """
        stem, maps = self.stem_channels, self.channels
        kernels = {"stem": (stem, 3, 3, 3), "level_1": (maps, stem, 3, 3)}
        kernels |= {f"level_{k}": (maps, maps, 3, 3) for k in range(2, self.levels + 1)}
        kernels |= {f"side_{k}": (maps, maps, 1, 1) for k in range(1, self.levels + 1)}
        kernels["maps"] = (maps, maps, 1, 1)
        shapes: dict[str, tuple[int, ...]] = {}
        for name, kernel in kernels.items():
            shapes |= {f"{name}.weight": kernel, f"{name}.bias": kernel[:1]}
        return shapes

    @property
    def size(self) -> int:
        """Number of the network's parameters P."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def to_json(self) -> str:
        """Write as a JSON object."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> VisionArchitecture:
        """Read what `to_json` wrote; ValueError if it is something else."""
        try:
            return VisionArchitecture(**json.loads(text))
        except (TypeError, RecursionError) as error:
            raise ValueError(f"not the description of a vision network: {text!r}") from error


FIGURE_8 = VisionArchitecture()
"""The network of the paper."""


def halved(size: Iterable[int]) -> tuple[int, int]:
    """Half of rows and columns, rounded up."""
    rows, columns = size
    return -(-rows // 2), -(-columns // 2)


def pixel_coordinates(count: int) -> Array:
    """Image coordinates (count,) of the pixels of a row or column, from -1 to 1."""
    return np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(1)


def initial_vision_values(architecture: VisionArchitecture, rng: np.random.Generator) -> Array32:
    """Draw initial parameters (P,).

    Weights are normal with variance 2 / fan-in before a ReLU and 1 / fan-in elsewhere, so that maps
    keep their size through the network; biases are zero.
    """
    parts = []
    for name, shape in architecture.shapes.items():
        if name.endswith("bias"):
            parts.append(np.zeros(shape))
            continue
        gain = 2.0 if shape[-1] == 3 else 1.0
        parts.append(rng.standard_normal(shape) * np.sqrt(gain / math.prod(shape[1:])))
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)

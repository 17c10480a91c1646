"""The vision network in torch, where gradients are needed.

Convolutions of 1x1 and additions treat every pixel alike, so that they commute with upscaling: all
of that is computed at the finest level's resolution, a quarter of the last maps' pixels, and the
soft-argmax counts each cell as the pixels that it stands for. The function is that of figure 8.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from adgps_core.vision.architecture import VisionArchitecture
from adgps_core.vision.cells import finest_cells


def split_vision(architecture: VisionArchitecture, values: Tensor) -> dict[str, Tensor]:
    """Views of flat parameters (P,) by name."""
    shapes = architecture.shapes
    parts = torch.split(values, [math.prod(shape) for shape in shapes.values()])
    return {
        name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def scaled_images(images: Tensor) -> Tensor:
    """RGB images (B, height, width, 3) uint8 as the network sees them: (B, 3, height, width).

    The colours lie between -1 and 1. In memory the channels stay innermost, which convolutions on
    a processor are fastest with.
    """
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def forward_vision(architecture: VisionArchitecture, values: Tensor, scaled: Tensor) -> Tensor:
    """Feature points of images.

    Parameters
    ----------
    architecture : sizes of the network.
    values : (P,) flat parameters, so that one flat gradient comes back.
    scaled : (B, 3, height, width), what `scaled_images` made.

    Returns
    -------
    (B, 2 channels) image coordinates x_1, y_1, x_2, y_2, ...
    """
    of = split_vision(architecture, values)

    def convolve(name: str, maps: Tensor, stride: int = 1) -> Tensor:
        weight = of[f"{name}.weight"]
        if weight.shape[-1] == 3:
            weight = weight.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(maps, weight, of[f"{name}.bias"], stride, weight.shape[-1] // 2)

    hidden = functional.relu(convolve("stem", scaled, stride=2))
    levels = []
    for k in range(1, architecture.levels + 1):
        hidden = functional.relu(convolve(f"level_{k}", hidden))
        hidden = functional.max_pool2d(hidden, 2, ceil_mode=True)
        levels.append(convolve(f"side_{k}", hidden))
    total = levels.pop()
    for level in reversed(levels):
        rows, columns = level.shape[-2:]
        total = level + functional.interpolate(total, scale_factor=2.0)[..., :rows, :columns]
    return soft_argmax(architecture, convolve("maps", total))


def soft_argmax(architecture: VisionArchitecture, maps: Tensor) -> Tensor:
    """Mean coordinates under a softmax over each map, as it is when upscaled.

    Parameters
    ----------
    architecture : tells how many pixels a cell stands for, and where they are.
    maps : (B, channels, rows, columns) of the finest level's size.

    Returns
    -------
    (B, 2 channels) image coordinates x_1, y_1, x_2, y_2, ...
    """
    rows, columns = (
        (torch.from_numpy(cells.pixels).to(maps), torch.from_numpy(cells.coordinates).to(maps))
        for cells in finest_cells(architecture)
    )
    pixels = rows[0][:, None] * columns[0]
    weights = (maps + pixels.log()).flatten(2).softmax(-1).view(maps.shape)
    x = weights.sum(2) @ columns[1]
    y = weights.sum(3) @ rows[1]
    return torch.stack([x, y], -1).flatten(1)

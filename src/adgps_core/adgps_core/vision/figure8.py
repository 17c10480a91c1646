"""The vision network layer by layer, as the paper's figure 8 draws it.

Nothing is saved here: what the faster forms compute is held against this one, and measured.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from adgps_core.vision.architecture import VisionArchitecture, pixel_coordinates
from adgps_core.vision.network import split_vision


class Figure8(nn.Module):
    """The network of figure 8, with parameters as any module has them.

    Parameters
    ----------
    architecture : sizes of the network.
    values : (P,) flat parameters.
    """

    def __init__(self, architecture: VisionArchitecture, values: Tensor) -> None:
        """Make the layers, and fill in their parameters."""
        super().__init__()
        stem, maps = architecture.stem_channels, architecture.channels
        self.map_size = architecture.map_size
        self.levels = range(1, architecture.levels + 1)
        self.stem = nn.Conv2d(3, stem, 3, stride=2, padding=1)
        for k in self.levels:
            self.add_module(f"level_{k}", nn.Conv2d(stem if k == 1 else maps, maps, 3, padding=1))
        for k in self.levels:
            self.add_module(f"side_{k}", nn.Conv2d(maps, maps, 1))
        self.maps = nn.Conv2d(maps, maps, 1)
        self.load_state_dict(split_vision(architecture, values))

    def stages(self, scaled: Tensor) -> dict[str, Tensor]:
        """What every stage puts out, by name, for images (B, 3, height, width)."""
        rows, columns = self.map_size
        outputs = {"stem": functional.relu(self.stem(scaled))}
        hidden = outputs["stem"]
        sides = []
        for k in self.levels:
            hidden = functional.relu(self.get_submodule(f"level_{k}")(hidden))
            hidden = functional.max_pool2d(hidden, 2, ceil_mode=True)
            side = self.get_submodule(f"side_{k}")(hidden)
            side = functional.interpolate(side, scale_factor=2.0**k, mode="nearest")
            side = side[..., :rows, :columns]
            outputs |= {f"level_{k}": hidden, f"side_{k}": side}
            sides.append(side)
        outputs["sum"] = torch.stack(sides).sum(0)
        outputs["maps"] = self.maps(outputs["sum"])
        outputs["features"] = pixelwise_soft_argmax(outputs["maps"])
        return outputs

    def forward(self, scaled: Tensor) -> Tensor:
        """Feature points (B, 2 channels) of images (B, 3, height, width)."""
        return self.stages(scaled)["features"]


def pixelwise_soft_argmax(maps: Tensor) -> Tensor:
    """Mean coordinates under a softmax over each map, the spatial soft-argmax.

    With weights s_ij = exp(a_ij) / Σ exp(a_kl) of a map a, the point is (Σ s_ij x_j, Σ s_ij y_i).

    Parameters
    ----------
    maps : (B, channels, rows, columns)

    Returns
    -------
    (B, 2 channels) image coordinates x_1, y_1, x_2, y_2, ... in [-1, 1].
    """
    weights = maps.flatten(2).softmax(-1).view(maps.shape)
    y, x = (torch.from_numpy(pixel_coordinates(count)).to(maps) for count in maps.shape[-2:])
    points = torch.stack([weights.sum(2) @ x, weights.sum(3) @ y], -1)
    return points.flatten(1)

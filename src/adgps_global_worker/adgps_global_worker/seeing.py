"""What a policy sees of images, in torch: where the vision network is trained with the policy.

Shapes: B rows (time steps), dF features of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from adgps_core.global_policy import Architecture
from adgps_core.vision.architecture import VisionArchitecture
from adgps_core.vision.network import forward_vision, scaled_images
from adgps_core.vision.pictures import decompressed

Pair = tuple[bytes, bytes]
"""Files of the current image and of the rollout's first one."""

AT_ONCE = 8
"""Images that the network is differentiated on at once: their maps stay in the caches, and a
mini-batch takes no gigabytes."""


@dataclass(frozen=True)
class SeenImages:
    """Images of rows.

    Parameters
    ----------
    files : one pair for each row.
    offset, scale : (2 dF,) the policy takes (features - offset) * scale.
    """

    files: Sequence[Pair]
    offset: Tensor
    scale: Tensor


def see_anew(
    architecture: Architecture, values: Tensor, observations: Tensor, images: SeenImages
) -> Tensor:
    """Replace what observations hold of images by what the policy's own network says of them.

    Parameters
    ----------
    architecture : of the policy, with a vision network.
    values : (P,) policy parameters.
    observations : (B, dO) scaled.
    images : of the same rows.

    Raises
    ------
    ValueError
        If a file holds no image of the network's size.
    """
    vision = architecture.vision
    assert vision is not None
    places: dict[bytes, int] = {}  # rows of one rollout share its first image
    now, first = (
        torch.tensor([places.setdefault(pair[which], len(places)) for pair in images.files])
        for which in (0, 1)
    )
    points = _points(vision, values[: architecture.vision_size], list(places))
    features = (torch.cat([points[now], points[first]], 1) - images.offset) * images.scale
    return torch.cat([features, observations[:, architecture.dim_seen :]], 1)


def _points(vision: VisionArchitecture, values: Tensor, files: Sequence[bytes]) -> Tensor:
    """Feature points (images, dF) of files; maps are computed again where the gradient needs them.

    Kept, they would be 10 MB an image.
    """

    def see(vision_values: Tensor, pixels: Tensor) -> Tensor:
        return forward_vision(vision, vision_values, scaled_images(pixels).to(vision_values))

    parts = []
    for begin in range(0, len(files), AT_ONCE):
        some = files[begin : begin + AT_ONCE]
        pixels = np.stack([decompressed(file, vision.image_shape) for file in some])
        part = checkpoint(see, values, torch.from_numpy(pixels), use_reentrant=False)
        assert isinstance(part, Tensor)
        parts.append(part)
    return torch.cat(parts)

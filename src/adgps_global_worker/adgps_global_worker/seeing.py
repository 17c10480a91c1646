"""What a policy sees of images, in torch: where the vision network is trained with the policy.

Shapes: B rows (time steps), dF features of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adgps_core.global_policy import Architecture
from adgps_core.vision.network import forward_vision, scaled_images
from adgps_core.vision.pictures import decompressed

Pair = tuple[bytes, bytes]
"""Files of the current image and of the rollout's first one."""


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
    files = [pair[0] for pair in images.files] + [pair[1] for pair in images.files]
    pixels = np.stack([decompressed(file, vision.image_shape) for file in files])
    scaled = scaled_images(torch.from_numpy(pixels)).to(values)
    points = forward_vision(vision, values[: architecture.vision_size], scaled)
    now, first = points.chunk(2)
    features = (torch.cat([now, first], 1) - images.offset) * images.scale
    return torch.cat([features, observations[:, architecture.dim_seen :]], 1)

"""The global policy's network in torch, where gradients are needed."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from adgps_core.global_policy import Architecture


def split(architecture: Architecture, values: Tensor) -> list[Tensor]:
    """Views of the perceptron's part of flat policy parameters (P,) in its tensors' shapes."""
    sizes = [math.prod(shape) for shape in architecture.shapes]
    values = values[architecture.vision_size :]
    return [
        part.view(shape)
        for part, shape in zip(torch.split(values, sizes), architecture.shapes, strict=True)
    ]


def forward(architecture: Architecture, values: Tensor, scaled: Tensor) -> tuple[Tensor, Tensor]:
    """Evaluate the perceptron with flat parameters, so that one flat gradient comes back.

    Parameters
    ----------
    architecture : sizes of the network.
    values : (P,) flat policy parameters.
    scaled : (B, dO) observations, offset and scale already applied.

    Returns
    -------
    (B, dU) mean actions and (dU,) variances, in N·m and (N·m)².
    """
    *layers, log_variance = split(architecture, values)
    hidden = scaled
    for index in range(0, len(layers), 2):
        hidden = nn.functional.linear(hidden, layers[index], layers[index + 1])
        if index + 2 < len(layers):
            hidden = hidden.tanh()
    scale = architecture.action_scale
    return hidden * scale, log_variance.exp() * scale**2

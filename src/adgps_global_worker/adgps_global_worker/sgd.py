"""One stochastic gradient of the loss, flat, at given policy parameters.

Shapes: P policy parameters, B time steps of a mini-batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from adgps_core.global_policy import Architecture
from adgps_core.networks import forward
from adgps_core.typing import Array32
from adgps_global_worker.batches import TrainingSet
from adgps_global_worker.losses import Labels, badmm_loss
from adgps_global_worker.seeing import SeenImages, see_anew


@dataclass(frozen=True)
class Gradient:
    """A gradient of the loss.

    Parameters
    ----------
    values : (P,) float32.
    loss : mean loss of the mini-batch.
    samples : time steps in the mini-batch B.
    norm : Euclidean norm before any clipping.
    """

    values: Array32
    loss: float
    samples: int
    norm: float

    @property
    def finite(self) -> bool:
        """Whether every number is one."""
        return bool(np.isfinite(self.norm) and np.isfinite(self.loss))


def loss_gradient(
    architecture: Architecture,
    values: Tensor,
    scaled: Tensor,
    labels: Labels,
    images: SeenImages | None = None,
) -> tuple[Tensor, Tensor]:
    """Loss () and its gradient (P,) at policy parameters (P,), for observations (B, dO).

    With images, what the observations hold of them is computed anew, and the vision network has its
    part in the gradient.
    """
    values = values.detach().requires_grad_()
    if images is not None:
        scaled = see_anew(architecture, values, scaled, images)
    mean, variance = forward(architecture, values, scaled)
    loss = badmm_loss(mean, variance, labels)
    (gradient,) = torch.autograd.grad(loss, values)
    return loss.detach(), gradient


def stochastic_gradient(
    architecture: Architecture,
    values: Array32,
    data: TrainingSet,
    batch_size: int,
    rng: np.random.Generator,
    max_norm: float = np.inf,
) -> Gradient:
    """Gradient of the loss on one mini-batch.

    Parameters
    ----------
    architecture : sizes of the network.
    values : (P,) policy parameters to compute it at.
    data : what to draw the mini-batch from.
    batch_size : time steps in the mini-batch B.
    rng : draws the mini-batch.
    max_norm : a longer gradient is scaled down to this norm: one time step whose C⁻¹ is orders of
        magnitude above the others' must not undo what many steps have learned.

    Returns
    -------
    The gradient; `finite` says whether it may be sent.
    """
    scaled, labels, images = data.sample(batch_size, rng)
    at = torch.from_numpy(np.array(values, dtype=np.float32))
    loss, gradient = loss_gradient(architecture, at, scaled, labels, images)
    norm = float(gradient.norm())
    if norm > max_norm:
        gradient = gradient * (max_norm / norm)
    return Gradient(gradient.numpy(), float(loss), batch_size, norm)

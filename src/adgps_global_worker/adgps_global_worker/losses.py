"""The global policy's loss: equation 1 of the paper, with BADMM's multiplier term.

    L(θ) = Σ_{i,t} E_{p_i}[ ν_t KL(π_θ(·|o_t) ‖ p_i(·|x_t)) + λ_tᵀ μ_θ(o_t) ]

    KL(π ‖ p) = ½ [tr(C⁻¹ Σ) - log|Σ| + log|C| + dᵀ C⁻¹ d - dU],    d = μ_θ(o) - μ_p(x)

π_θ = N(μ_θ(o), Σ) with diagonal Σ, p = N(μ_p(x), C). The loss is minimised over θ; its local
counterpart minimises E_p[l - λᵀu] + ν KL(p ‖ π̄). At one (x, o) where π can be anything, the minimum
lies at μ_θ = μ_p - C λ / ν and Σ⁻¹ = diag(C⁻¹).

Shapes: B time steps of a mini-batch, dU action.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Labels:
    """What a mini-batch of time steps should learn.

    Parameters
    ----------
    mean : (B, dU) μ_p(x), the local policy's mean action [N·m].
    precision : (B, dU, dU) C⁻¹ [1 / (N·m)²].
    log_determinant : (B,) log|C|.
    multiplier : (B, dU) λ [cost per N·m].
    kl_weight : (B,) ν.
    """

    mean: Tensor
    precision: Tensor
    log_determinant: Tensor
    multiplier: Tensor
    kl_weight: Tensor


def kl_divergence(mean: Tensor, variance: Tensor, labels: Labels) -> Tensor:
    """KL(π ‖ p) [nat] at each time step.

    Parameters
    ----------
    mean : (B, dU) μ_θ(o) [N·m].
    variance : (dU,) or (B, dU) diagonal of Σ [(N·m)²].
    labels : the local policy p at these time steps.

    Returns
    -------
    (B,) divergences, never negative but for rounding.
    """
    residual = mean - labels.mean
    weighted = torch.bmm(labels.precision, residual[:, :, None])[:, :, 0]
    quadratic = (residual * weighted).sum(-1)
    trace = (labels.precision.diagonal(dim1=-2, dim2=-1) * variance).sum(-1)
    log_ratio = labels.log_determinant - variance.log().sum(-1)
    return 0.5 * (trace + log_ratio + quadratic - mean.shape[-1])


def badmm_loss(mean: Tensor, variance: Tensor, labels: Labels) -> Tensor:
    """Mean over the mini-batch of ν KL(π ‖ p) + λᵀ μ_θ(o).

    The time steps are drawn in proportion to their importance weights, so the mean needs none.

    Parameters
    ----------
    mean, variance, labels : as for `kl_divergence`.

    Returns
    -------
    () loss [cost].
    """
    kl = labels.kl_weight * kl_divergence(mean, variance, labels)
    linear = (labels.multiplier * mean).sum(-1)
    return (kl + linear).mean()

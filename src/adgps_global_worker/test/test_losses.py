"""The loss against closed forms and finite differences, in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import MultivariateNormal
from torch.distributions import kl_divergence as torch_kl

from adgps_core.global_policy import Architecture, initial_values
from adgps_global_worker.losses import Labels, badmm_loss, kl_divergence
from adgps_global_worker.sgd import loss_gradient

DIM_U = 3


def _labels(batch: int, seed: int, *, multiplier: float = 0.0) -> Labels:
    """Random labels of a batch, float64."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((batch, DIM_U, DIM_U))
    covariance = factor @ factor.swapaxes(-1, -2) + 0.5 * np.eye(DIM_U)
    return Labels(
        mean=torch.from_numpy(rng.standard_normal((batch, DIM_U))),
        precision=torch.from_numpy(np.linalg.inv(covariance)),
        log_determinant=torch.from_numpy(np.linalg.slogdet(covariance)[1]),
        multiplier=torch.from_numpy(multiplier * rng.standard_normal((batch, DIM_U))),
        kl_weight=torch.from_numpy(rng.uniform(0.1, 2.0, batch)),
    )


def _minimum(labels: Labels, steps: int = 400) -> tuple[Tensor, Tensor]:
    """Mean and variance (1, dU) that minimise the loss of one time step, found by L-BFGS."""
    mean = torch.zeros(1, DIM_U, dtype=torch.float64, requires_grad=True)
    log_variance = torch.zeros(1, DIM_U, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [mean, log_variance], max_iter=steps, tolerance_grad=1e-12, tolerance_change=1e-16
    )

    def closure() -> float:
        optimizer.zero_grad()
        loss = badmm_loss(mean, log_variance.exp(), labels)
        torch.autograd.backward(loss)
        return float(loss.detach())

    optimizer.step(closure)
    return mean.detach(), log_variance.detach().exp()


@given(st.integers(0, 2**32 - 1))
def test_kl_agrees_with_torch_and_is_not_negative(seed: int) -> None:
    """The divergence is the one torch computes from the distributions, and KL ≥ 0."""
    labels = _labels(4, seed)
    rng = np.random.default_rng(seed)
    mean = torch.from_numpy(rng.standard_normal((4, DIM_U)))
    variance = torch.from_numpy(rng.uniform(0.1, 2.0, DIM_U))
    policy = MultivariateNormal(mean, torch.diag(variance))
    local = MultivariateNormal(labels.mean, precision_matrix=labels.precision)
    kl = kl_divergence(mean, variance, labels)
    torch.testing.assert_close(kl, torch_kl(policy, local), rtol=1e-6, atol=1e-9)
    assert (kl >= 0).all()


def test_kl_of_a_policy_on_itself_is_zero() -> None:
    """A diagonal local policy, matched exactly, has divergence 0."""
    variance = torch.tensor([0.3, 1.0, 4.0], dtype=torch.float64)
    mean = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)
    labels = Labels(
        mean=mean,
        precision=torch.diag(1 / variance)[None],
        log_determinant=variance.log().sum()[None],
        multiplier=torch.zeros_like(mean),
        kl_weight=torch.ones(1, dtype=torch.float64),
    )
    torch.testing.assert_close(
        kl_divergence(mean, variance, labels), torch.zeros(1, dtype=torch.float64)
    )


def test_without_multipliers_the_minimum_is_the_local_policy() -> None:
    """Where the policy can be anything, it becomes the label, with Σ⁻¹ = diag(C⁻¹)."""
    labels = _labels(1, seed=1)
    mean, variance = _minimum(labels)
    torch.testing.assert_close(mean, labels.mean, rtol=1e-6, atol=1e-6)
    diagonal = labels.precision.diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(variance, 1 / diagonal, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_multipliers_move_the_minimum_by_their_closed_form(seed: int) -> None:
    """With multipliers, μ = μ_p - C λ / ν; the covariance stays."""
    labels = _labels(1, seed=seed, multiplier=1.0)
    mean, variance = _minimum(labels)
    shift = torch.linalg.solve(labels.precision, labels.multiplier) / labels.kl_weight
    torch.testing.assert_close(mean, labels.mean - shift, rtol=1e-6, atol=1e-6)
    diagonal = labels.precision.diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(variance, 1 / diagonal, rtol=1e-6, atol=1e-6)


def test_gradient_agrees_with_finite_differences() -> None:
    """Every entry of the flat gradient, log-variance included, is a central difference."""
    architecture = Architecture(dim_o=4, dim_u=DIM_U, hidden=(5,), action_scale=2.0)
    labels = _labels(6, seed=2, multiplier=1.0)
    rng = np.random.default_rng(2)
    scaled = torch.from_numpy(rng.standard_normal((6, 4)))
    values = torch.from_numpy(initial_values(architecture, rng).astype(np.float64))
    _, gradient = loss_gradient(architecture, values, scaled, labels)
    step = 1e-6
    for index in range(architecture.size):
        losses = []
        for sign in (-1, 1):
            moved = values.clone()
            moved[index] += sign * step
            losses.append(float(loss_gradient(architecture, moved, scaled, labels)[0]))
        assert float(gradient[index]) == pytest.approx(
            (losses[1] - losses[0]) / (2 * step), rel=1e-5, abs=1e-7
        )

"""A Gaussian mixture over past samples, read as a prior for one step's Gaussian.

Shapes: M points, D their length, J components, N rollouts, T steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from adgps_core.typing import Array

NEGLIGIBLE = 1e-9
"""Part of a point in a component below which it is left out of its covariance."""

SETTLED = 1e-3
"""Gain of an iteration in mean log-likelihood [nat] below which the fit has converged."""


@dataclass(frozen=True)
class GaussianMixture:
    """Σ_j weights_j N(means_j, covariances_j): (J,), (J, D), (J, D, D)."""

    weights: Array
    means: Array
    covariances: Array


def fit_mixture(
    points: Array,
    components: int,
    rng: np.random.Generator,
    previous: GaussianMixture | None = None,
    iterations: int = 20,
    regularisation: float = 1e-6,
) -> GaussianMixture:
    """Fit a mixture by expectation-maximisation, starting from a previous one where it fits.

    Few iterations need not converge, and that is intended: the prior needs no maximum of the
    likelihood. A general estimator is slower by half and more, because it sums over points that
    have next to no part in a component.

    Parameters
    ----------
    points : (M, D).
    components : J; fewer are used where there are fewer than 2 D points for each.
    rng : of the initial assignment.
    previous : warm start.
    iterations : most steps of expectation-maximisation.
    regularisation : added to the variances.
    """
    count, dim = points.shape
    components = max(1, min(components, count // (2 * dim)))
    mixture = previous
    if mixture is None or len(mixture.weights) != components:
        mixture = _maximise(points, _spread_out(points, components, rng), regularisation)
    likelihood = -np.inf
    for _ in range(iterations):
        logits = _log_joint(mixture, points)
        total = logsumexp(logits, axis=0)
        mixture = _maximise(points, np.exp(logits - total).T, regularisation)
        before, likelihood = likelihood, float(total.mean())
        if likelihood - before < SETTLED:
            break
    return mixture


def log_responsibilities(mixture: GaussianMixture, points: Array) -> Array:
    """Log posterior (..., J) of the components for points (..., D), normalised."""
    logits = _log_joint(mixture, points.reshape(-1, points.shape[-1]))
    normalised: Array = (logits - logsumexp(logits, axis=0)).T
    return normalised.reshape(*points.shape[:-1], len(mixture.weights))


def _log_joint(mixture: GaussianMixture, points: Array) -> Array:
    """(J, M) logarithms of weights_j N(point; means_j, covariances_j) of points (M, D)."""
    roots = np.linalg.cholesky(mixture.covariances)
    whitening = np.linalg.inv(roots).swapaxes(-1, -2)  # y = (x - mean) L⁻ᵀ has covariance I
    whitened = points @ whitening - mixture.means[:, None] @ whitening
    square = np.einsum("jmd,jmd->jm", whitened, whitened)
    log_det = np.log(np.diagonal(roots, axis1=-2, axis2=-1)).sum(-1)
    constant = np.log(mixture.weights) - log_det - 0.5 * points.shape[-1] * np.log(2 * np.pi)
    joint: Array = constant[:, None] - 0.5 * square
    return joint


def _spread_out(points: Array, components: int, rng: np.random.Generator) -> Array:
    """Parts (M, J): each of the points (M, D) belongs to the nearest of J far apart (k-means++)."""
    squares = np.empty((components, len(points)))
    centre = int(rng.integers(len(points)))
    for j in range(components):
        squares[j] = np.square(points - points[centre]).sum(1)
        nearest = squares[: j + 1].min(0)
        if nearest.any():
            centre = int(rng.choice(len(points), p=nearest / nearest.sum()))
    parts: Array = np.eye(components)[squares.argmin(0)]
    return parts


def _maximise(points: Array, parts: Array, regularisation: float) -> GaussianMixture:
    """Weights and moments of points (M, D) that belong to components by parts (M, J)."""
    sizes = parts.sum(0) + 1e-12  # a component that has lost all its points stays finite
    dim = points.shape[1]
    means = parts.T @ points / sizes[:, None]
    covariances = np.empty((len(sizes), dim, dim))
    for j, size in enumerate(sizes):
        mine = parts[:, j] > NEGLIGIBLE
        centred = np.sqrt(parts[mine, j, None]) * (points[mine] - means[j])
        covariances[j] = centred.T @ centred / size + regularisation * np.eye(dim)
    return GaussianMixture(sizes / sizes.sum(), means, covariances)


def prior_at(mixture: GaussianMixture, samples: Array) -> tuple[Array, Array]:
    """Moments of the mixture, its components weighted as the samples of each step ask for.

    Parameters
    ----------
    mixture : over vectors of length D.
    samples : (N, T, D).

    Returns
    -------
    mean (T, D) and covariance (T, D, D).
    """
    weights = np.exp(log_responsibilities(mixture, samples)).mean(0)  # (T, J)
    mean = weights @ mixture.means
    spread = mixture.means[None] - mean[:, None]  # (T, J, D)
    within = np.tensordot(weights, mixture.covariances, axes=1)
    between = (weights[..., None] * spread).swapaxes(-1, -2) @ spread
    return mean, within + between

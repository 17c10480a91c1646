"""A Gaussian mixture over past samples, read as a prior for one step's Gaussian.

Shapes: M points, D their length, J components, N rollouts, T steps.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.mixture import GaussianMixture as Estimator

from adgps_core.typing import Array
from adgps_local_worker.gaussians import symmetric


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
    warm: dict[str, Array] = {}
    if previous is not None and len(previous.weights) == components:
        precision: Array = symmetric(np.asarray(np.linalg.inv(previous.covariances)))
        warm = {
            "weights_init": previous.weights,
            "means_init": previous.means,
            "precisions_init": precision,
        }
    estimator = Estimator(
        components,
        reg_covar=regularisation,
        max_iter=iterations,
        random_state=int(rng.integers(2**31)),
        init_params="k-means++",
        **warm,
    )
    # Not converging within a few steps is intended; the prior needs no maximum of the likelihood.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(points)
    return GaussianMixture(estimator.weights_, estimator.means_, estimator.covariances_)


def log_responsibilities(mixture: GaussianMixture, points: Array) -> Array:
    """Log posterior (..., J) of the components for points (..., D), normalised."""
    cholesky = np.linalg.cholesky(mixture.covariances)
    flat = points.reshape(-1, points.shape[-1])
    whitened = np.linalg.solve(
        cholesky, (flat[None] - mixture.means[:, None]).swapaxes(-1, -2)
    )  # (J, D, points)
    log_det = np.log(np.diagonal(cholesky, axis1=-2, axis2=-1)).sum(-1)
    logits = (np.log(mixture.weights) - log_det)[:, None] - 0.5 * (whitened**2).sum(1)
    logits -= logits.max(0)
    logits -= np.log(np.exp(logits).sum(0))
    normalised: Array = logits.T.reshape(*points.shape[:-1], len(mixture.weights))
    return normalised


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

"""Time-varying linear-Gaussian policies, the local policies of the paper (section III).

Shapes: T steps, dX state, dU action, N rollouts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adgps_core.typing import Array, frozen


@dataclass(frozen=True)
class LinearGaussianPolicy:
    """p(u_t | x_t) = N(K_t x_t + k_t, C_t).

    Parameters
    ----------
    K : (T, dU, dX) feedback gains [N·m per state unit].
    k : (T, dU) feed-forward torques [N·m].
    C : (T, dU, dU) covariances [(N·m)²], symmetric positive definite.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite or a covariance is not symmetric and positive
        definite.
    """

    K: Array
    k: Array
    C: Array

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        if np.ndim(self.K) != 3:
            raise ValueError(f"K has shape {np.shape(self.K)}, expected (T, dU, dX)")
        horizon, dim_u, dim_x = np.shape(self.K)
        object.__setattr__(self, "K", frozen(self.K, (horizon, dim_u, dim_x), "K"))
        object.__setattr__(self, "k", frozen(self.k, (horizon, dim_u), "k"))
        object.__setattr__(self, "C", frozen(self.C, (horizon, dim_u, dim_u), "C"))
        try:
            _ = self.cholesky
        except np.linalg.LinAlgError as error:
            raise ValueError("C is not positive definite") from error
        # The factorisation reads the lower triangle only, the inverse both.
        deviations = np.sqrt(np.diagonal(self.C, axis1=-2, axis2=-1))
        allowed = 1e-6 * deviations[:, :, None] * deviations[:, None, :]
        if not (np.abs(self.C - self.C.swapaxes(-1, -2)) <= allowed).all():
            raise ValueError("C is not symmetric")

    @property
    def horizon(self) -> int:
        """Number of control ticks T."""
        return int(self.K.shape[0])

    @property
    def dim_u(self) -> int:
        """Length of the action dU."""
        return int(self.K.shape[1])

    @property
    def dim_x(self) -> int:
        """Length of the state dX."""
        return int(self.K.shape[2])

    @cached_property
    def cholesky(self) -> Array:
        """Lower Cholesky factors of C, (T, dU, dU)."""
        return np.asarray(np.linalg.cholesky(self.C), dtype=np.float64)

    @cached_property
    def precision(self) -> Array:
        """Inverses of C, (T, dU, dU)."""
        return np.asarray(np.linalg.inv(self.C), dtype=np.float64)

    def mean(self, states: Array) -> Array:
        """Mean actions K_t x_t + k_t for states (..., T, dX), as (..., T, dU)."""
        mean: Array = np.einsum("tux,...tx->...tu", self.K, states) + self.k
        return mean

    def act(self, t: int, state: Array, noise: Array) -> Array:
        """Action (dU,) at step t in state (dX,), with standard-normal noise (dU,)."""
        action: Array = self.K[t] @ state + self.k[t] + self.cholesky[t] @ noise
        return action

    def log_probability(self, states: Array, actions: Array) -> Array:
        """Log densities (..., T) of actions (..., T, dU) in states (..., T, dX)."""
        return gaussian_log_density(actions - self.mean(states), self.cholesky)


def gaussian_log_density(residual: Array, cholesky: Array) -> Array:
    """Log density of N(0, L Lᵀ) at residual.

    Parameters
    ----------
    residual : (..., d).
    cholesky : (..., d, d) lower factors L, broadcast against residual.

    Returns
    -------
    (...) log densities [nat].
    """
    whitened = np.linalg.solve(
        np.broadcast_to(cholesky, (*residual.shape, residual.shape[-1])),
        residual[..., None],
    )[..., 0]
    log_det = np.log(np.diagonal(cholesky, axis1=-2, axis2=-1)).sum(-1)
    dim = residual.shape[-1]
    density: Array = -0.5 * (whitened**2).sum(-1) - log_det - 0.5 * dim * np.log(2 * np.pi)
    return density

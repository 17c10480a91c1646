"""Random linear-Gaussian systems, quadratic costs and policies of given sizes."""

import numpy as np

from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import CostExpansion
from adgps_core.typing import Array
from adgps_local_worker.lqr import LinearDynamics


def covariances(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    """Positive definite matrices (..., d, d), eigenvalues of the order of scale."""
    root = rng.standard_normal((*shape, shape[-1])) / np.sqrt(shape[-1])
    return scale * (root @ root.swapaxes(-1, -2) + 0.2 * np.eye(shape[-1]))


def random_dynamics(
    rng: np.random.Generator, horizon: int = 6, dim_x: int = 3, dim_u: int = 2
) -> LinearDynamics:
    """Time-varying, noisy, neither stable nor unstable on average."""
    return LinearDynamics(
        F=rng.standard_normal((horizon, dim_x, dim_x + dim_u)) / np.sqrt(dim_x),
        f=rng.standard_normal((horizon, dim_x)),
        covariance=covariances(rng, horizon, dim_x, scale=0.1),
        initial_mean=rng.standard_normal(dim_x),
        initial_covariance=covariances(rng, dim_x, scale=0.3),
    )


def random_cost(
    rng: np.random.Generator, horizon: int = 6, dim_x: int = 3, dim_u: int = 2
) -> CostExpansion:
    """Strictly convex, with terms that couple state and action, and with constants."""
    dim_z = dim_x + dim_u
    return CostExpansion(
        hessian=covariances(rng, horizon, dim_z),
        gradient=rng.standard_normal((horizon, dim_z)),
        value=rng.standard_normal(horizon),
    )


def random_policy(
    rng: np.random.Generator, horizon: int = 6, dim_x: int = 3, dim_u: int = 2
) -> LinearGaussianPolicy:
    """Gains and covariances that differ from step to step."""
    return LinearGaussianPolicy(
        0.5 * rng.standard_normal((horizon, dim_u, dim_x)),
        rng.standard_normal((horizon, dim_u)),
        covariances(rng, horizon, dim_u),
    )


def evaluate(cost: CostExpansion, points: Array) -> Array:
    """Costs (..., T) of points z = (x, u), (..., T, dX+dU), by the definition."""
    quadratic = np.einsum("...ti,tij,...tj->...t", points, cost.hessian, points)
    return cost.value + np.einsum("...ti,ti->...t", points, cost.gradient) + 0.5 * quadratic


def sample_points(
    dynamics: LinearDynamics,
    policy: LinearGaussianPolicy,
    count: int,
    rng: np.random.Generator,
) -> Array:
    """Draw rollouts of a policy: points z = (x, u), (count, T, dX+dU)."""
    horizon, dim_x, _ = dynamics.F.shape
    x = rng.multivariate_normal(dynamics.initial_mean, dynamics.initial_covariance, count)
    points = []
    for t in range(horizon):
        noise = rng.standard_normal((count, policy.dim_u)) @ policy.cholesky[t].T
        z = np.concatenate([x, x @ policy.K[t].T + policy.k[t] + noise], axis=1)
        points.append(z)
        disturbance = rng.multivariate_normal(np.zeros(dim_x), dynamics.covariance[t], count)
        x = z @ dynamics.F[t].T + dynamics.f[t] + disturbance
    return np.stack(points, axis=1)

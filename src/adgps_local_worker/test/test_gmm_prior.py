"""The mixture finds clusters that are there, and its moments are those its points ask for."""

import numpy as np
import pytest
from linear_systems import covariances
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from adgps_core.typing import Array
from adgps_local_worker.gmm_prior import (
    GaussianMixture,
    fit_mixture,
    log_responsibilities,
    prior_at,
)

CLUSTERS = GaussianMixture(
    weights=np.array([0.2, 0.3, 0.5]),
    means=np.array([[-6.0, 0.0], [0.0, 7.0], [6.0, -3.0]]),
    covariances=np.array([[[1.0, 0.5], [0.5, 1.0]], [[0.3, 0.0], [0.0, 2.0]], [[1.0, 0], [0, 1]]]),
)


def _draw(mixture: GaussianMixture, count: int, rng: np.random.Generator) -> Array:
    chosen = rng.choice(len(mixture.weights), count, p=mixture.weights)
    roots = np.linalg.cholesky(mixture.covariances)[chosen]
    noise = rng.standard_normal((count, mixture.means.shape[1]))
    return mixture.means[chosen] + np.einsum("nij,nj->ni", roots, noise)


def _log_likelihood(mixture: GaussianMixture, points: Array) -> float:
    parts = [
        np.log(weight) + multivariate_normal(mean, covariance).logpdf(points)
        for weight, mean, covariance in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        )
    ]
    return float(logsumexp(np.array(parts), axis=0).mean())


def test_a_mixture_is_recovered() -> None:
    """Weights, means and covariances of clusters that lie apart, to sampling error."""
    rng = np.random.default_rng(0)
    fitted = fit_mixture(_draw(CLUSTERS, 6000, rng), 3, rng)
    order = np.argsort(fitted.means[:, 0])
    np.testing.assert_allclose(fitted.weights[order], CLUSTERS.weights, atol=0.02)
    np.testing.assert_allclose(fitted.means[order], CLUSTERS.means, atol=0.1)
    np.testing.assert_allclose(fitted.covariances[order], CLUSTERS.covariances, atol=0.2)


@pytest.mark.parametrize(("count", "used"), [(2, 1), (7, 1), (8, 2), (11, 2), (40, 5)])
def test_few_points_get_few_components(count: int, used: int) -> None:
    """At most one component for 2 D points, at least one, never more than asked for."""
    rng = np.random.default_rng(1)
    fitted = fit_mixture(rng.standard_normal((count, 2)), 5, rng)
    assert fitted.weights.shape == (used,)
    assert fitted.means.shape == (used, 2)
    assert fitted.covariances.shape == (used, 2, 2)
    assert fitted.weights.sum() == pytest.approx(1)


def test_a_warm_start_goes_on_where_the_last_fit_ended() -> None:
    """One more step from a previous fit is as good as it was; one step from anew is not."""
    rng = np.random.default_rng(2)
    truth = GaussianMixture(
        np.full(6, 1 / 6), 3 * rng.standard_normal((6, 3)), covariances(rng, 6, 3)
    )
    points = _draw(truth, 3000, rng)
    settled = fit_mixture(points, 6, rng, iterations=200)
    warm = fit_mixture(points, 6, np.random.default_rng(3), settled, iterations=1)
    cold = fit_mixture(points, 6, np.random.default_rng(3), iterations=1)
    reached = _log_likelihood(settled, points)
    assert _log_likelihood(warm, points) > reached - 1e-3
    assert _log_likelihood(cold, points) < reached - 1e-2


def test_every_iteration_raises_the_likelihood() -> None:
    """Expectation-maximisation never lowers it, up to what is added to the variances."""
    rng = np.random.default_rng(9)
    points = _draw(CLUSTERS, 500, rng)
    fitted = fit_mixture(points, 5, rng, iterations=1)
    reached = [_log_likelihood(fitted, points)]
    for _ in range(20):
        fitted = fit_mixture(points, 5, rng, fitted, iterations=1)
        reached.append(_log_likelihood(fitted, points))
    assert (np.diff(reached) > -1e-6).all()
    assert reached[-1] > reached[0] + 0.01


def test_points_that_are_all_the_same_have_a_mixture() -> None:
    """An arm that does not move is no reason to fail; only the added variance is left."""
    fitted = fit_mixture(np.ones((40, 2)), 3, np.random.default_rng(0))
    mean, covariance = prior_at(fitted, np.ones((4, 1, 2)))
    np.testing.assert_allclose(mean, np.ones((1, 2)), atol=1e-6)
    np.testing.assert_allclose(covariance[0], 1e-6 * np.eye(2), atol=1e-8)


def test_a_previous_fit_of_another_size_is_no_start() -> None:
    """As points grow more, components may; then the fit starts anew."""
    rng = np.random.default_rng(4)
    points = _draw(CLUSTERS, 600, rng)
    small = fit_mixture(points[:7], 3, rng)
    assert len(small.weights) == 1
    assert len(fit_mixture(points, 3, rng, small).weights) == 3


def test_a_fit_repeats_with_its_seed() -> None:
    """What depends on chance depends on the generator passed in, and on nothing else."""
    points = _draw(CLUSTERS, 200, np.random.default_rng(5))
    first, second = (fit_mixture(points, 3, np.random.default_rng(6)) for _ in range(2))
    np.testing.assert_array_equal(first.covariances, second.covariances)


def test_responsibilities_are_posterior_probabilities() -> None:
    """Bayes' rule with densities from elsewhere; far away they stay finite and sum to one."""
    rng = np.random.default_rng(7)
    points = 3 * rng.standard_normal((4, 5, 2))
    joint = np.stack(
        [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(points)
            for weight, mean, covariance in zip(
                CLUSTERS.weights, CLUSTERS.means, CLUSTERS.covariances, strict=True
            )
        ],
        axis=-1,
    )
    expected = joint - logsumexp(joint, axis=-1, keepdims=True)
    np.testing.assert_allclose(log_responsibilities(CLUSTERS, points), expected, atol=1e-10)
    far = log_responsibilities(CLUSTERS, 1e4 * points)
    np.testing.assert_allclose(logsumexp(far, axis=-1), 0.0, atol=1e-9)


def test_prior_where_all_components_count_has_the_mixture_s_moments() -> None:
    """Samples of the mixture itself, at one step: the law of total covariance."""
    rng = np.random.default_rng(8)
    points = _draw(CLUSTERS, 40_000, rng)
    mean, covariance = prior_at(CLUSTERS, points[:, None])
    np.testing.assert_allclose(mean[0], points.mean(0), atol=0.02)
    np.testing.assert_allclose(covariance[0], np.cov(points, rowvar=False, bias=True), rtol=0.03)


def test_prior_of_samples_in_one_cluster_is_that_cluster() -> None:
    """Each step gets its own: samples at cluster j make the prior N(mean_j, covariance_j)."""
    samples = np.tile(CLUSTERS.means, (4, 1, 1))  # 4 rollouts whose step j lies at cluster j
    mean, covariance = prior_at(CLUSTERS, samples)
    np.testing.assert_allclose(mean, CLUSTERS.means, atol=1e-3)
    np.testing.assert_allclose(covariance, CLUSTERS.covariances, atol=1e-2)
    assert np.linalg.eigvalsh(covariance).min() > 0

"""Mini-batches show every instance and step equally often, and rollouts by their weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.policies import LinearGaussianPolicy
from adgps_global_worker.batches import InstanceSamples, instance_rows, training_set
from adgps_global_worker.importance_weights import importance_weights
from adgps_global_worker.losses import Labels
from adgps_global_worker.sgd import stochastic_gradient

T, DIM_X, DIM_O, DIM_U = 5, 3, 4, 2


def _policy(offset: float = 0.0, scale: float = 1.0) -> GlobalPolicy:
    """A global policy that scales observations like this."""
    architecture = Architecture(DIM_O, DIM_U, hidden=(4,))
    values = initial_values(architecture, np.random.default_rng(0))
    return GlobalPolicy(architecture, np.full(DIM_O, offset), np.full(DIM_O, scale), values)


def _samples(rollouts: int, seed: int, *, gap: float = 0.0) -> InstanceSamples:
    """Random rollouts whose recorded log densities lie up to gap from the policy's own."""
    rng = np.random.default_rng(seed)
    policy = LinearGaussianPolicy(
        rng.standard_normal((T, DIM_U, DIM_X)),
        rng.standard_normal((T, DIM_U)),
        np.tile(np.diag([0.5, 2.0]), (T, 1, 1)),
    )
    states = rng.standard_normal((rollouts, T, DIM_X))
    actions = rng.standard_normal((rollouts, T, DIM_U))
    return InstanceSamples(
        states=states,
        observations=rng.standard_normal((rollouts, T, DIM_O)),
        actions=actions,
        log_probabilities=policy.log_probability(states, actions)
        + gap * rng.uniform(-1, 1, (rollouts, T)),
        method="badmm",
        policy=policy,
        multipliers=rng.standard_normal((T, DIM_U)),
        kl_weights=rng.uniform(0.1, 1.0, T),
    )


def test_a_row_carries_its_own_labels() -> None:
    """Observation, mean, precision, multiplier and penalty of a row belong together."""
    offset, scale = np.full(DIM_O, 0.5), np.full(DIM_O, 2.0)
    parts = [_samples(2, 0), _samples(3, 1)]
    data = training_set([instance_rows(part, _policy(0.5, 2.0)) for part in parts])
    observations, labels, _ = data.sample(512, np.random.default_rng(0))
    expected = {
        tuple(np.float32((part.observations[n, t] - offset) * scale)): (part, n, t)
        for part in parts
        for n in range(len(part.states))
        for t in range(T)
    }
    seen = set()
    for row in range(512):
        part, n, t = expected[tuple(observations[row].numpy())]
        seen.add((id(part), n, t))
        mean = part.policy.mean(part.states)[n, t]
        np.testing.assert_allclose(labels.mean[row], mean, rtol=1e-6)
        np.testing.assert_allclose(labels.precision[row], part.policy.precision[t], rtol=1e-6)
        np.testing.assert_allclose(labels.multiplier[row], part.multipliers[t], rtol=1e-6)
        assert float(labels.kl_weight[row]) == pytest.approx(part.kl_weights[t])
        log_det = np.linalg.slogdet(part.policy.C[t])[1]
        assert float(labels.log_determinant[row]) == pytest.approx(log_det, abs=1e-6)
    assert len(seen) == 5 * T


def test_rows_are_drawn_by_weight_and_pairs_equally() -> None:
    """Over many draws a row's frequency is its importance weight over the number of pairs."""
    rows = [
        instance_rows(_samples(count, seed, gap=0.5), _policy()) for count, seed in ((2, 0), (4, 1))
    ]
    data = training_set(rows)
    weights = np.concatenate([part.weights.ravel() for part in rows]) / (2 * T)
    identity = {tuple(row.numpy()): index for index, row in enumerate(data.observations)}
    rng = np.random.default_rng(0)
    draws = 40_000
    counts = np.zeros(len(weights))
    for _ in range(40):
        observations, _, _ = data.sample(draws // 40, rng)
        for row in observations:
            counts[identity[tuple(row.numpy())]] += 1
    assert weights.std() > 0.2 * weights.mean()  # the check below means something
    np.testing.assert_allclose(counts / draws, weights, atol=4 * np.sqrt(weights.max() / draws))
    pairs = np.add.reduceat(counts, np.flatnonzero(np.diff(data.pairs.numpy(), prepend=-1)))
    assert pairs.max() - pairs.min() <= 80  # stratified: off by one a mini-batch at most


def test_effective_sample_size_counts_rollouts() -> None:
    """Fresh on-policy rollouts all count; far ones hardly, unless the bound makes them."""
    fresh = training_set([instance_rows(_samples(6, 0), _policy())])
    assert fresh.effective_sample_size == pytest.approx(6)
    far = training_set([instance_rows(_samples(6, 0, gap=50.0), _policy())])
    bounded = training_set([instance_rows(_samples(6, 0, gap=50.0), _policy(), weight_bound=1.5)])
    assert far.effective_sample_size < 3 < bounded.effective_sample_size


def test_weights_refer_to_the_policy_that_would_sample_now() -> None:
    """Under BADMM the newest local policy, under MDGPS the newest global one."""
    policy, local = _policy(), _samples(6, 0, gap=0.5)
    fresh = policy.log_probability(local.observations, local.actions)
    sampled = replace(local, method="mdgps", log_probabilities=fresh)
    np.testing.assert_allclose(instance_rows(sampled, policy).weights, 1 / 6)
    assert instance_rows(replace(sampled, method="badmm"), policy).weights.std() > 0.01
    older = replace(sampled, log_probabilities=local.log_probabilities)
    expected = importance_weights(fresh, local.log_probabilities, 3.0)
    np.testing.assert_allclose(instance_rows(older, policy, 3.0).weights, expected.T)


def test_an_empty_training_set_is_refused() -> None:
    """Nothing to learn from is said plainly."""
    with pytest.raises(ValueError, match="at least one instance"):
        training_set([])


def test_clipping_keeps_the_direction() -> None:
    """A clipped gradient points the same way and has the norm asked for."""
    architecture = Architecture(DIM_O, DIM_U, hidden=(8,))
    data = training_set([instance_rows(_samples(4, 3), _policy())])
    values = initial_values(architecture, np.random.default_rng(0))
    free = stochastic_gradient(architecture, values, data, 32, np.random.default_rng(1))
    clipped = stochastic_gradient(architecture, values, data, 32, np.random.default_rng(1), 0.01)
    assert np.linalg.norm(clipped.values) == pytest.approx(0.01, rel=1e-5)
    assert clipped.norm == free.norm > 0.01
    np.testing.assert_allclose(clipped.values / 0.01, free.values / free.norm, rtol=1e-4, atol=1e-6)


def test_sgd_finds_labels_that_a_network_can_express() -> None:
    """Adam on the gradients brings the policy's mean to a label linear in the observation."""
    rng = np.random.default_rng(0)
    states = rng.standard_normal((20, T, DIM_X))
    gain = np.tile(rng.standard_normal((DIM_U, DIM_X)), (T, 1, 1))
    policy = LinearGaussianPolicy(gain, np.zeros((T, DIM_U)), np.tile(np.eye(DIM_U), (T, 1, 1)))
    actions = policy.mean(states)
    samples = InstanceSamples(
        states=states,
        observations=np.concatenate([states, np.ones((20, T, 1))], axis=-1),
        actions=actions,
        log_probabilities=policy.log_probability(states, actions),
        method="badmm",
        policy=policy,
        multipliers=np.zeros((T, DIM_U)),
        kl_weights=np.ones(T),
    )
    data = training_set([instance_rows(samples, _policy())])
    architecture = Architecture(DIM_O, DIM_U, hidden=(32,))
    values = torch.from_numpy(initial_values(architecture, rng, log_variance=1.0))
    optimizer = torch.optim.Adam([values], lr=1e-2)
    losses = []
    for _ in range(600):
        gradient = stochastic_gradient(architecture, values.numpy(), data, 64, rng)
        values.grad = torch.from_numpy(gradient.values)
        optimizer.step()
        losses.append(gradient.loss)
    assert gradient.finite
    assert np.mean(losses[-20:]) < 0.02 < 1.0 < losses[0]
    np.testing.assert_allclose(values[-DIM_U:].numpy(), 0.0, atol=0.05)  # variance of the labels


def test_a_gradient_that_is_not_finite_says_so() -> None:
    """Broken labels cannot pass for a gradient."""
    data = training_set([instance_rows(_samples(2, 0), _policy())])
    broken = Labels(**{**vars(data.tables), "kl_weight": data.tables.kl_weight * torch.nan})
    bad = type(data)(**{**vars(data), "tables": broken})
    architecture = Architecture(DIM_O, DIM_U, hidden=(4,))
    values = initial_values(architecture, np.random.default_rng(0))
    gradient = stochastic_gradient(architecture, values, bad, 8, np.random.default_rng(0))
    assert not gradient.finite

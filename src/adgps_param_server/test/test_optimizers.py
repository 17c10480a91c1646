"""The flat optimisers do what their formulas say, and their state goes on where it stopped."""

import numpy as np
import pytest

from adgps_param_server.optimizers import FlatOptimizer, Kind, OptimizerConfiguration


def _gradients(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(5).astype(np.float32) for _ in range(count)]


def test_sgd_accumulates_momentum() -> None:
    """SGD: b ← momentum b + g, θ ← θ - rate b."""
    optimizer = FlatOptimizer(OptimizerConfiguration("sgd", 0.1, 0.5), np.ones(5, np.float32))
    theta, buffer = np.ones(5), np.zeros(5)
    for gradient in _gradients(4):
        optimizer.step(gradient)
        buffer = 0.5 * buffer + gradient
        theta = theta - 0.1 * buffer
    np.testing.assert_allclose(optimizer.values, theta, rtol=1e-5)


def test_adam_follows_its_paper() -> None:
    """Adam: bias-corrected first over root of second moment (Kingma & Ba, algorithm 1)."""
    optimizer = FlatOptimizer(OptimizerConfiguration("adam", 0.1), np.ones(5, np.float32))
    theta, m, v = np.ones(5), np.zeros(5), np.zeros(5)
    for t, gradient in enumerate(_gradients(4), start=1):
        optimizer.step(gradient)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        theta = theta - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(optimizer.values, theta, rtol=1e-4)


def test_adamw_decays_apart_from_the_gradient() -> None:
    """Its decay is what it is however gradients are scaled; Adam's L2 penalty is not."""
    found = {}
    for kind in ("adam", "adamw"):
        for scale in (1.0, 1e-3):
            optimizer = FlatOptimizer(
                OptimizerConfiguration(kind, 0.1, weight_decay=0.5), np.ones(5, np.float32)
            )
            for gradient in _gradients(4):
                optimizer.step(np.float32(scale) * gradient)
            found[kind, scale] = optimizer.values.copy()
    np.testing.assert_allclose(found["adamw", 1e-3], found["adamw", 1.0], rtol=1e-3)
    assert np.abs(found["adam", 1e-3] - found["adam", 1.0]).max() > 0.1
    still = FlatOptimizer(
        OptimizerConfiguration("adamw", 0.1, weight_decay=0.5), np.ones(5, np.float32)
    )
    still.step(np.zeros(5, np.float32))
    np.testing.assert_allclose(still.values, 1 - 0.1 * 0.5, rtol=1e-6)


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_a_restored_optimizer_goes_on_bit_for_bit(kind: Kind) -> None:
    """Stopping and restoring in the middle changes nothing."""
    configuration = OptimizerConfiguration(kind, 0.05)
    whole = FlatOptimizer(configuration, np.ones(5, np.float32))
    first = FlatOptimizer(configuration, np.ones(5, np.float32))
    gradients = _gradients(6)
    for gradient in gradients:
        whole.step(gradient)
    for gradient in gradients[:3]:
        first.step(gradient)
    second = FlatOptimizer(configuration, first.values, first.state)
    for gradient in gradients[3:]:
        second.step(gradient)
    np.testing.assert_array_equal(second.values, whole.values)


def test_a_foreign_state_is_refused() -> None:
    """Neither another optimiser's state nor another policy's passes."""
    adam = FlatOptimizer(OptimizerConfiguration("adam"), np.ones(5, np.float32))
    adam.step(np.ones(5, np.float32))
    with pytest.raises(ValueError, match="expected"):
        FlatOptimizer(OptimizerConfiguration("sgd"), np.ones(5, np.float32), adam.state)
    with pytest.raises(ValueError, match="shape"):
        FlatOptimizer(OptimizerConfiguration("adam"), np.ones(4, np.float32), adam.state)


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "lbfgs"), ("learning_rate", 0.0), ("momentum", 1.0), ("weight_decay", -1.0)],
)
def test_settings_out_of_range_are_named(field: str, value: object) -> None:
    """The message names the setting or the value."""
    with pytest.raises(ValueError, match="unknown optimizer|" + field):
        OptimizerConfiguration(**{field: value})  # type: ignore[arg-type]

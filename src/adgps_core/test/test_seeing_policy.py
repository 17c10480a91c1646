"""A policy whose vision network is trained with it: one flat array, the vision network first."""

import json

import numpy as np
import pytest
import torch

from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.networks import forward, split
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values

VISION = VisionArchitecture(height=12, width=16, stem_channels=2, channels=3, levels=2)
ARCHITECTURE = Architecture(2 * VISION.dim_features + 5, 2, (4,), 3.0, vision=VISION)
RNG = np.random.default_rng(0)
SEEN = initial_vision_values(VISION, RNG)
VALUES = initial_values(ARCHITECTURE, RNG, vision=SEEN)
POLICY = GlobalPolicy(
    ARCHITECTURE, np.zeros(ARCHITECTURE.dim_o), np.ones(ARCHITECTURE.dim_o), VALUES
)


def test_the_vision_network_comes_first_and_the_perceptron_after_it() -> None:
    """Nothing is left out, nothing shared."""
    blind = Architecture(ARCHITECTURE.dim_o, 2, (4,), 3.0)
    assert ARCHITECTURE.size == VISION.size + blind.size
    np.testing.assert_array_equal(POLICY.vision_values, SEEN)
    perceptron = np.concatenate([tensor.ravel() for tensor in POLICY.tensors])
    np.testing.assert_array_equal(perceptron, VALUES[VISION.size :])
    parts = split(ARCHITECTURE, torch.from_numpy(VALUES))
    np.testing.assert_array_equal(torch.cat([part.flatten() for part in parts]), perceptron)


def test_for_given_features_it_is_the_perceptron() -> None:
    """In numpy as in torch."""
    blind = GlobalPolicy(
        Architecture(ARCHITECTURE.dim_o, 2, (4,), 3.0),
        POLICY.offset,
        POLICY.scale,
        VALUES[VISION.size :],
    )
    observations = RNG.standard_normal((6, ARCHITECTURE.dim_o))
    np.testing.assert_array_equal(POLICY.mean(observations), blind.mean(observations))
    scaled = torch.from_numpy(observations.astype(np.float32))
    mean, variance = forward(ARCHITECTURE, torch.from_numpy(VALUES), scaled)
    np.testing.assert_allclose(mean, blind.mean(observations), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(variance, blind.variance, rtol=1e-6)


def test_its_architecture_survives_json() -> None:
    assert Architecture.from_json(ARCHITECTURE.to_json()) == ARCHITECTURE


@pytest.mark.parametrize(
    "change",
    [
        {"dim_o": 2 * VISION.dim_features - 1},
        {"vision": {"height": 0}},
        {"vision": {"depth": 3}},
        {"vision": 5},
        {"vision": "figure 8"},
    ],
    ids=str,
)
def test_vision_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Architecture.from_json(json.dumps(json.loads(ARCHITECTURE.to_json()) | change))

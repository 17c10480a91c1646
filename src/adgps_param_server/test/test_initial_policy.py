"""The untrained policy: the same function whether its vision network is trained with it or not."""

import numpy as np
import pytest

from adgps_core.tasks import make_task
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.observation import DIM_ROBOT, visual_observation
from adgps_param_server.initial_policy import initial_policy

DOOR = make_task("visual_door")
RNG = np.random.default_rng(0)
FIGURE_8 = VisionArchitecture()
VISION = VisionNetwork(
    FIGURE_8,
    initial_vision_values(FIGURE_8, RNG),
    RNG.uniform(-0.5, 0.5, FIGURE_8.dim_features).astype(np.float32),
)


def test_with_its_own_vision_network_it_acts_as_with_the_frozen_one() -> None:
    """Robots that train vision send points as they are; the others, counted from their rest."""
    frozen, trained = (
        initial_policy(DOOR, (8,), 3.0, -1.0, np.random.default_rng(1), vision)
        for vision in (None, VISION)
    )
    assert len(trained.values) == FIGURE_8.size + len(frozen.values)
    np.testing.assert_array_equal(trained.vision_values, VISION.values)
    images = RNG.integers(0, 256, (2, *FIGURE_8.image_shape), dtype=np.uint8)
    features, points = (
        np.array([see(image) for image in images], np.float64)
        for see in (VISION.features, VISION.points)
    )
    state, opening = RNG.standard_normal(DIM_ROBOT - 1), np.array(0.04)
    expected = frozen.mean(visual_observation(features[0], features[1], state, opening))
    found = trained.mean(visual_observation(points[0], points[1], state, opening))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.abs(expected).max() > 1e-3


def test_a_task_whose_policy_does_not_see_takes_no_vision() -> None:
    with pytest.raises(ValueError, match="cannot begin with 128"):
        initial_policy(make_task("reach"), (8,), 3.0, -1.0, RNG, VISION)

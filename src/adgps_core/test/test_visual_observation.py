"""What the global policy of a vision task sees."""

import numpy as np

from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.vision.architecture import VisionArchitecture
from adgps_core.vision.observation import dim_visual_observation, visual_observation


def test_an_observation_has_161_numbers_in_order() -> None:
    """64 now, 64 at the start, 32 of the state, and the gripper: the paper's 33."""
    rng = np.random.default_rng(0)
    features, first, states = (rng.standard_normal((5, size)) for size in (64, 64, 32))
    openings = rng.uniform(0, 0.08, 5)
    observations = visual_observation(features, first[0], states, openings)
    assert observations.shape == (5, 161) == (5, dim_visual_observation(VisionArchitecture()))
    np.testing.assert_array_equal(observations[:, :64], features)
    np.testing.assert_array_equal(observations[:, 64:128], np.tile(first[0], (5, 1)))
    np.testing.assert_array_equal(observations[:, 128:160], states)
    np.testing.assert_array_equal(observations[:, 160], openings)
    single = visual_observation(features[2], first[0], states[2], openings[2])
    np.testing.assert_array_equal(single, observations[2])


def test_two_fully_connected_layers_make_torques_of_it() -> None:
    """With frozen convolutions the policy is an ordinary network on 161 numbers."""
    size = dim_visual_observation(VisionArchitecture())
    network = Architecture(size, 7, hidden=(64, 64))
    values = initial_values(network, np.random.default_rng(0))
    policy = GlobalPolicy(network, np.zeros(size), np.ones(size), values)
    assert policy.mean(np.zeros((3, size))).shape == (3, 7)

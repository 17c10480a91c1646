"""Vision that is trained with the policy: a rollout sees with one version, the one it asks for."""

from dataclasses import replace

import numpy as np
import pytest

from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.pictures import decompressed
from adgps_robot.eyes import FrozenEyes, TrainedEyes

SIZES = VisionArchitecture(height=20, width=24, stem_channels=2, channels=3, levels=2)
REST = np.linspace(-0.3, 0.3, SIZES.dim_features, dtype=np.float32)
PRETRAINED = VisionNetwork(SIZES, initial_vision_values(SIZES, np.random.default_rng(0)), REST)
IMAGE = np.random.default_rng(1).integers(0, 256, SIZES.image_shape, dtype=np.uint8)


def make_policy(counter: int, sizes: VisionArchitecture | None = SIZES) -> GlobalPolicy:
    """A version whose vision network is drawn by its number."""
    rng = np.random.default_rng(counter)
    architecture = Architecture(2 * SIZES.dim_features + 1, 1, (), vision=sizes)
    vision = initial_vision_values(sizes, rng) if sizes else None
    values = initial_values(architecture, rng, vision=vision)
    zeros, ones = np.zeros(architecture.dim_o), np.ones(architecture.dim_o)
    return GlobalPolicy(architecture, zeros, ones, values, PolicyVersion(1, counter))


def points(policy: GlobalPolicy, file: bytes) -> np.ndarray:
    """What a policy's network says of a file."""
    image = decompressed(file, SIZES.image_shape)
    return VisionNetwork(SIZES, policy.vision_values).points(image)


def test_frozen_eyes_count_from_where_features_rest() -> None:
    seen = FrozenEyes(PRETRAINED).look(IMAGE)
    np.testing.assert_array_equal(seen.features, PRETRAINED.points(IMAGE) - REST)
    assert (seen.version, seen.file) == (PolicyVersion(), b"")


def test_features_are_those_of_the_image_that_is_sent_along() -> None:
    """Of the file, not of the camera's own picture: training sees nothing else."""
    seen = TrainedEyes(PRETRAINED).look(IMAGE)
    image = decompressed(seen.file, SIZES.image_shape)
    np.testing.assert_array_equal(seen.features, PRETRAINED.points(image))
    assert (image != IMAGE).any() and seen.version == PolicyVersion()


def test_a_version_is_seen_with_once_asked_for_and_the_newest_image_anew() -> None:
    """Whichever comes first, the version or the wish."""
    eyes = TrainedEyes(PRETRAINED)
    first, second = make_policy(1), make_policy(2)
    before = eyes.look(IMAGE)
    assert eyes.hear(first) is None  # nobody asked
    assert eyes.look(IMAGE).version == PolicyVersion()
    seen = eyes.want(first.version)
    assert seen is not None and (seen.version, seen.file) == (first.version, before.file)
    np.testing.assert_array_equal(seen.features, points(first, seen.file))
    assert eyes.want(second.version) is None  # not there yet
    assert eyes.look(IMAGE).version == first.version
    seen = eyes.hear(second)
    assert seen is not None and seen.version == second.version
    np.testing.assert_array_equal(seen.features, points(second, seen.file))
    assert eyes.want(second.version) is None  # seen with already
    back = eyes.want(PolicyVersion())
    assert back is not None
    np.testing.assert_array_equal(back.features, before.features)


def test_without_an_image_a_version_waits_for_one() -> None:
    eyes, policy = TrainedEyes(PRETRAINED), make_policy(1)
    eyes.hear(policy)
    assert eyes.want(policy.version) is None
    assert eyes.look(IMAGE).version == policy.version


@pytest.mark.parametrize("sizes", [None, replace(SIZES, stem_channels=3)])
def test_a_policy_of_other_eyes_is_refused(sizes: VisionArchitecture | None) -> None:
    eyes = TrainedEyes(PRETRAINED)
    with pytest.raises(ValueError, match="not of the pre-trained one's sizes"):
        eyes.hear(make_policy(1, sizes))
    assert eyes.want(PolicyVersion(1, 1)) is None and eyes.look(IMAGE).version == PolicyVersion()

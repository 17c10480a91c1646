"""Vision trained with the policy: rows meet their images, and the gradient reaches the network."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.pictures import compressed, decompressed
from adgps_global_worker.batches import InstanceSamples, TrainingSet, instance_rows, training_set
from adgps_global_worker.seeing import SeenImages, see_anew
from adgps_global_worker.sgd import loss_gradient, stochastic_gradient

torch.set_num_threads(1)
VISION = VisionArchitecture(height=20, width=24, stem_channels=4, channels=4, levels=2)
N, T, DIM_X, DIM_ROBOT, DIM_U = 3, 4, 3, 2, 2
SEEN = 2 * VISION.dim_features
ARCHITECTURE = Architecture(SEEN + DIM_ROBOT, DIM_U, (8,), vision=VISION)


def make_policy(seed: int = 0) -> GlobalPolicy:
    """Every number drawn at random, and a scaling that is none by accident."""
    rng = np.random.default_rng(seed)
    values = initial_values(ARCHITECTURE, rng, vision=initial_vision_values(VISION, rng))
    values += 0.05 * rng.standard_normal(len(values)).astype(np.float32)
    dim = ARCHITECTURE.dim_o
    return GlobalPolicy(ARCHITECTURE, rng.normal(size=dim), rng.uniform(0.5, 2, dim), values)


def make_samples(policy: GlobalPolicy, seed: int = 0) -> InstanceSamples:
    """Rollouts whose observations hold what the policy's own network says of their images."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (N, T, 5, 6, 3), dtype=np.uint8).repeat(4, 2).repeat(4, 3)
    files = tuple(tuple(compressed(image) for image in rollout) for rollout in pixels)
    network = VisionNetwork(VISION, policy.vision_values)
    points = np.array(
        [
            [network.points(decompressed(f, VISION.image_shape)) for f in rollout]
            for rollout in files
        ]
    )
    first = np.broadcast_to(points[:, :1], points.shape)
    states = rng.standard_normal((N, T, DIM_X))
    local = LinearGaussianPolicy(
        rng.standard_normal((T, DIM_U, DIM_X)),
        rng.standard_normal((T, DIM_U)),
        np.tile(np.eye(DIM_U), (T, 1, 1)),
    )
    actions = rng.standard_normal((N, T, DIM_U))
    return InstanceSamples(
        states=states,
        observations=np.concatenate([points, first, states[..., :DIM_ROBOT]], -1),
        actions=actions,
        log_probabilities=local.log_probability(states, actions),
        method="badmm",
        policy=local,
        multipliers=rng.standard_normal((T, DIM_U)),
        kl_weights=rng.uniform(0.5, 1.0, T),
        images=files,
    )


def make_data(policy: GlobalPolicy) -> TrainingSet:
    """Two instances' rollouts."""
    return training_set([instance_rows(make_samples(policy, seed), policy) for seed in (0, 1)])


def test_a_row_is_seen_from_its_own_images() -> None:
    """At the parameters that the robots saw with, nothing changes; at others, every feature."""
    policy = make_policy()
    observations, _, images = make_data(policy).sample(64, np.random.default_rng(0))
    assert images is not None
    same, other = (
        see_anew(ARCHITECTURE, torch.from_numpy(each.values.copy()), observations, images)
        for each in (policy, make_policy(1))
    )
    np.testing.assert_allclose(same, observations, atol=2e-5)
    torch.testing.assert_close(other[:, SEEN:], observations[:, SEEN:])
    assert (other[:, :SEEN] != observations[:, :SEEN]).float().mean() > 0.95


def test_the_gradient_of_the_vision_network_is_that_of_finite_differences() -> None:
    """Along random directions in its parameters, in double precision."""
    policy = make_policy()
    scaled, labels, images = make_data(policy).sample(6, np.random.default_rng(0))
    assert images is not None
    images = replace(images, offset=images.offset.double(), scale=images.scale.double())
    labels = replace(labels, **{name: tensor.double() for name, tensor in vars(labels).items()})
    at = torch.from_numpy(policy.values.astype(np.float64))

    def loss_at(values: torch.Tensor) -> tuple[float, torch.Tensor]:
        loss, gradient = loss_gradient(ARCHITECTURE, values, scaled.double(), labels, images)
        return float(loss), gradient

    loss, gradient = loss_at(at)
    assert (gradient[: VISION.size] != 0).double().mean() > 0.5  # some maps may be dark
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        direction = torch.zeros_like(at)
        direction[: VISION.size] = torch.randn(
            VISION.size, generator=generator, dtype=torch.float64
        )
        step = 1e-6
        rise = (loss_at(at + step * direction)[0] - loss_at(at - step * direction)[0]) / (2 * step)
        assert rise == pytest.approx(float(gradient @ direction), rel=1e-3, abs=1e-6 * abs(loss))


def test_a_stochastic_gradient_moves_what_the_policy_sees() -> None:
    """Descending along it brings the loss down, the perceptron being held still."""
    policy = make_policy()
    data = make_data(policy)
    values, rng = policy.values.copy(), np.random.default_rng(0)
    losses = []
    for _ in range(60):
        gradient = stochastic_gradient(ARCHITECTURE, values, data, 24, rng)
        step = gradient.values[: VISION.size]
        values[: VISION.size] -= 0.1 * step / np.linalg.norm(step)
        losses.append(gradient.loss)
    assert np.mean(losses[-10:]) < 0.95 * np.mean(losses[:5])


@pytest.mark.parametrize(
    "spoil", [lambda file: b"", lambda file: file[:30]], ids=["nothing", "cut"]
)
def test_an_image_that_is_none_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    policy = make_policy()
    observations, _, images = make_data(policy).sample(2, np.random.default_rng(0))
    assert isinstance(images, SeenImages)
    files = [(spoil(now), first) for now, first in images.files]
    with pytest.raises(ValueError, match="holds none"):
        see_anew(
            ARCHITECTURE,
            torch.from_numpy(policy.values.copy()),
            observations,
            replace(images, files=files),
        )

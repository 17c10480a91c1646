"""The vision network: figure 8's sizes, and three forms of it that are one function."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adgps_core.vision.architecture import (
    MAX_LEVELS,
    VisionArchitecture,
    initial_vision_values,
    pixel_coordinates,
)
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.figure8 import Figure8, pixelwise_soft_argmax
from adgps_core.vision.network import forward_vision, scaled_images

torch.set_num_threads(1)
PAPER = VisionArchitecture()
SMALL = VisionArchitecture(21, 30, 3, 4, 3)
_ARCHITECTURES = st.builds(
    VisionArchitecture,
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    stem_channels=st.integers(1, 4),
    channels=st.integers(1, 4),
    levels=st.integers(1, 6),
)
_SEEDS = st.integers(0, 2**32 - 1)


def draw(
    architecture: VisionArchitecture, seed: int = 0, count: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Parameters with biases, and images of noise."""
    rng = np.random.default_rng(seed)
    values = initial_vision_values(architecture, rng)
    values += 0.1 * rng.standard_normal(len(values)).astype(np.float32)
    images = rng.integers(0, 256, (count, *architecture.image_shape), dtype=np.uint8)
    return values, images


def scaled(images: np.ndarray) -> torch.Tensor:
    """Images as torch sees them."""
    return scaled_images(torch.from_numpy(images))


def figure_8_features(
    architecture: VisionArchitecture, values: np.ndarray, images: np.ndarray
) -> np.ndarray:
    """Features of the network as drawn, in double precision."""
    with torch.inference_mode():
        module = Figure8(architecture, torch.from_numpy(values)).double()
        return module(scaled(images).double()).numpy()


def test_every_stage_has_the_size_of_figure_8() -> None:
    """125 x 157 with 16 maps, then halves with 32, all upscaled to 125 x 157, 64 numbers."""
    values, images = draw(PAPER, count=1)
    stages = Figure8(PAPER, torch.from_numpy(values)).stages(scaled(images))
    halves = [(63, 79), (32, 40), (16, 20), (8, 10), (4, 5)]
    expected = {"stem": (1, 16, 125, 157)}
    for k, size in enumerate(halves, start=1):
        expected |= {f"level_{k}": (1, 32, *size), f"side_{k}": (1, 32, 125, 157)}
    expected |= {"sum": (1, 32, 125, 157), "maps": (1, 32, 125, 157), "features": (1, 64)}
    assert {name: tuple(stage.shape) for name, stage in stages.items()} == expected
    assert PAPER.level_sizes == halves
    assert (PAPER.map_size, PAPER.dim_features) == ((125, 157), 64)
    assert PAPER.image_shape == (250, 314, 3)


def test_figure_8_has_48416_parameters() -> None:
    """Layer by layer: inputs x 9 weights and a bias for each 3x3 map, inputs and a bias for 1x1."""
    stem = 16 * (3 * 9 + 1)
    first_level = 32 * (16 * 9 + 1)
    other_levels = 4 * 32 * (32 * 9 + 1)
    one_by_one = (5 + 1) * 32 * (32 + 1)
    assert stem + first_level + other_levels + one_by_one == 48416 == PAPER.size
    module = Figure8(PAPER, torch.zeros(PAPER.size))
    assert sum(parameter.numel() for parameter in module.parameters()) == PAPER.size
    assert list(module.state_dict()) == list(PAPER.shapes)


def test_the_fast_forms_are_figure_8() -> None:
    """With the paper's sizes: torch at a quarter of the pixels, and numpy, agree to rounding.

    Where two places of a map are about as bright, single precision moves a point by some 1e-5.
    """
    values, images = draw(PAPER)
    drawn = figure_8_features(PAPER, values, images)
    with torch.inference_mode():
        flat, seen = torch.from_numpy(values), scaled(images)
        fast = forward_vision(PAPER, flat, seen).numpy()
        exact = forward_vision(PAPER, flat.double(), seen.double()).numpy()
    assert drawn.std() > 0.05  # the points are not all in the middle
    np.testing.assert_allclose(exact, drawn, atol=1e-12)
    np.testing.assert_allclose(fast, drawn, atol=5e-5)
    network = VisionNetwork(PAPER, values)
    np.testing.assert_allclose([network.features(image) for image in images], drawn, atol=5e-5)


@settings(max_examples=60, deadline=None)
@given(_ARCHITECTURES, _SEEDS)
def test_all_forms_are_one_function(architecture: VisionArchitecture, seed: int) -> None:
    """Also with odd sizes, images of a pixel, and more levels than there are halves."""
    values, images = draw(architecture, seed)
    flat = torch.from_numpy(values)
    drawn = figure_8_features(architecture, values, images)
    with torch.inference_mode():
        fast = forward_vision(architecture, flat, scaled(images)).numpy()
    np.testing.assert_allclose(fast, drawn, atol=1e-4)
    network = VisionNetwork(architecture, values)
    np.testing.assert_allclose([network.features(image) for image in images], drawn, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(_SEEDS)
def test_gradients_are_those_of_figure_8_and_reach_every_parameter(seed: int) -> None:
    """In double precision; a layer without a gradient would stay as it was drawn."""
    values, images = draw(SMALL, seed, count=4)
    images_double = scaled(images).double()
    targets = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (4, SMALL.dim_features)))
    flat = torch.from_numpy(values).double().requires_grad_()
    loss = (forward_vision(SMALL, flat, images_double) - targets).square().sum()
    (gradient,) = torch.autograd.grad(loss, flat)
    module = Figure8(SMALL, flat.detach().float()).double()
    (module(images_double) - targets).square().sum().backward()
    expected = torch.cat([parameter.grad.flatten() for parameter in module.parameters()])
    np.testing.assert_allclose(gradient.numpy(), expected.numpy(), rtol=1e-6, atol=1e-9)
    parts = torch.split(gradient, [int(np.prod(shape)) for shape in SMALL.shapes.values()])
    silent = [
        name for name, part in zip(SMALL.shapes, parts, strict=True) if not part.abs().max() > 0
    ]
    # What is added to all pixels of a map alike moves no softmax: these biases do nothing.
    idle = ["maps.bias", *(f"side_{k}.bias" for k in range(1, SMALL.levels + 1))]
    assert set(silent) <= set(idle)


def test_an_image_has_the_same_features_in_any_batch() -> None:
    """A batch of eight gives what eight batches of one do."""
    values, images = draw(SMALL, count=8)
    flat = torch.from_numpy(values)
    together = forward_vision(SMALL, flat, scaled(images))
    single = torch.cat([forward_vision(SMALL, flat, scaled(image[None])) for image in images])
    np.testing.assert_allclose(together.numpy(), single.numpy(), atol=1e-5)


@given(st.integers(0, 124), st.integers(0, 156))
def test_the_soft_argmax_of_a_bright_pixel_is_its_coordinate(row: int, column: int) -> None:
    """The mean of all mass in one place is that place; the corners are -1 and 1."""
    maps = torch.zeros(1, 1, 125, 157)
    maps[..., row, column] = 100.0
    expected = [2 * column / 156 - 1, 2 * row / 124 - 1]
    np.testing.assert_allclose(pixelwise_soft_argmax(maps)[0].numpy(), expected, atol=1e-6)


@settings(max_examples=30)
@given(st.integers(-9, 9), st.integers(-9, 9), _SEEDS)
def test_the_soft_argmax_moves_with_what_it_sees(down: int, right: int, seed: int) -> None:
    """A pattern shifted by some pixels: the point moves by just these."""
    rng = np.random.default_rng(seed)
    maps = torch.full((1, 1, 40, 50), -200.0)
    maps[..., 10:30, 10:40] = torch.from_numpy(3 * rng.standard_normal((20, 30))).float()
    moved = pixelwise_soft_argmax(maps.roll((down, right), (-2, -1))) - pixelwise_soft_argmax(maps)
    np.testing.assert_allclose(moved[0].numpy(), [2 * right / 49, 2 * down / 39], atol=1e-5)


def test_coordinates_run_from_edge_to_edge() -> None:
    """First pixel -1, last 1, evenly; a single one is in the middle."""
    np.testing.assert_allclose(pixel_coordinates(5), [-1, -0.5, 0, 0.5, 1])
    assert pixel_coordinates(1) == [0.0]


@given(_ARCHITECTURES)
def test_an_architecture_survives_json(architecture: VisionArchitecture) -> None:
    """Written and read it is the same."""
    assert VisionArchitecture.from_json(architecture.to_json()) == architecture


@pytest.mark.parametrize(
    "change",
    [
        *({name: size} for name in ("height", "channels", "levels") for size in (0, -1, 2.5, "3")),
        {"levels": MAX_LEVELS + 1},
        {"depth": 3},
    ],
    ids=str,
)
def test_networks_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    """Each with a ValueError."""
    with pytest.raises(ValueError):
        VisionArchitecture.from_json(json.dumps(json.loads(PAPER.to_json()) | change))


@pytest.mark.parametrize("text", ["", "[]", "3", "[" * 100_000])
def test_other_text_is_refused(text: str) -> None:
    """It describes no network."""
    with pytest.raises(ValueError, match=r"vision network|Expecting"):
        VisionArchitecture.from_json(text)


def test_what_does_not_fit_is_refused() -> None:
    """Images of another size or type, parameters of another length or not finite."""
    values, images = draw(SMALL)
    network = VisionNetwork(SMALL, values)
    for image in (images[0, 1:], images[0, ..., :1], images[0].astype(np.float32)):
        with pytest.raises(ValueError, match="image is"):
            network.features(image)
    with pytest.raises(ValueError, match="shape"):
        VisionNetwork(SMALL, values[1:])
    with pytest.raises(ValueError, match="not finite"):
        VisionNetwork(SMALL, np.where(np.arange(len(values)) == 3, np.nan, values))


def test_features_are_counted_from_where_they_rest() -> None:
    rng = np.random.default_rng(0)
    small = VisionArchitecture(12, 16, 2, 3, 2)
    values = initial_vision_values(small, rng)
    rest = rng.uniform(-1, 1, small.dim_features).astype(np.float32)
    image = rng.integers(0, 256, small.image_shape, dtype=np.uint8)
    plain, moved = VisionNetwork(small, values), VisionNetwork(small, values, rest)
    np.testing.assert_array_equal(plain.features(image), plain.points(image))
    np.testing.assert_array_equal(moved.points(image), plain.points(image))
    np.testing.assert_array_equal(moved.features(image), plain.points(image) - rest)
    for wrong in (rest[1:], np.full_like(rest, np.nan)):
        with pytest.raises(ValueError, match="rest must be 6 finite numbers"):
            VisionNetwork(small, values, wrong)


def test_a_network_keeps_a_copy_that_cannot_be_changed() -> None:
    """What is trained on goes on changing; the network stays as it was."""
    values, images = draw(SMALL)
    network = VisionNetwork(SMALL, values)
    values += 1.0
    np.testing.assert_array_equal(network.values + 1.0, values)
    with pytest.raises(ValueError, match="read-only"):
        network.values[0] = 0.0
    before = images[0].copy()
    network.features(images[0])
    np.testing.assert_array_equal(images[0], before)


def test_initial_maps_keep_their_size_through_the_network() -> None:
    """Neither vanishing nor growing from level to level, on images of noise."""
    rng = np.random.default_rng(0)
    values = initial_vision_values(PAPER, rng)
    images = rng.integers(0, 256, (2, *PAPER.image_shape), dtype=np.uint8)
    with torch.inference_mode():
        stages = Figure8(PAPER, torch.from_numpy(values)).stages(scaled(images))
    sizes = [
        float(stages[name].square().mean().sqrt())
        for name in ["stem", *(f"level_{k}" for k in range(1, 6))]
    ]
    assert 0.3 < min(sizes) and max(sizes) < 5.0

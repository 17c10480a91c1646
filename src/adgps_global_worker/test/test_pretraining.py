"""Pre-training on poses: it learns, and an interruption changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from blobs import HEIGHT, WIDTH, blobs

from adgps_core.checkpoints import DamagedCheckpointError, write_checkpoint
from adgps_core.vision.architecture import VisionArchitecture
from adgps_core.vision.storage import read_network
from adgps_global_worker.pretraining.device import choose_device
from adgps_global_worker.pretraining.pose_error import pose_error
from adgps_global_worker.pretraining.pose_heads import PoseNetwork, euclidean_loss, standard
from adgps_global_worker.pretraining.pretrainer import Pretraining, PretrainingSettings
from adgps_global_worker.pretraining.run import (
    CHECKPOINT,
    NETWORK,
    PretrainingProgress,
    run_pretraining,
)
from adgps_global_worker.pretraining.samples import PoseDataset, write_shard

torch.set_num_threads(1)
VISION = VisionArchitecture(HEIGHT, WIDTH, 8, 8, 3)
SETTINGS = PretrainingSettings(steps=500, batch_size=16, learning_rate=0.05)
SHORT = replace(SETTINGS, steps=12)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PoseDataset:
    """Samples of two robots, in two shards."""
    folder = tmp_path_factory.mktemp("samples")
    write_shard(folder, "a", blobs(300, seed=1))
    write_shard(folder, "b", blobs(200, seed=2))
    return PoseDataset(folder)


def stop_at(pretraining: Pretraining, step: int) -> Callable[[], bool]:
    """Whether that step was reached."""
    return lambda: pretraining.step >= step


def test_features_rest_where_rollouts_begin(tmp_path: Path) -> None:
    """On the average, over the images of that; at zero, where there is none."""
    samples = blobs(30, seed=4)
    for count in (7, 0):
        folder = tmp_path / str(count)
        write_shard(folder, "a", replace(samples, starts=np.arange(30) < count))
        nobody = PoseDataset(folder)
        write_shard(folder / "unseen", "a", samples)
        vision = Pretraining(SHORT, VISION, nobody, PoseDataset(folder / "unseen")).vision
        seen = [vision.points(image) for image in samples.images[:count]]
        expected = np.mean(seen, axis=0) if count else np.zeros(VISION.dim_features)
        np.testing.assert_allclose(vision.rest, expected, atol=1e-5)


def test_it_learns_where_things_are(data: PoseDataset, tmp_path: Path) -> None:
    """Held-out points from over 8 cm to below 2 cm, and the network robots read sees as much."""
    pretraining = Pretraining(SETTINGS, VISION, data)
    before = pretraining.error()
    reports: list[PretrainingProgress] = []
    assert run_pretraining(pretraining, tmp_path, reports.append)
    after = pretraining.error()
    assert min(before.object_cm, before.end_effector_cm) > 8.0
    assert max(after.object_cm, after.end_effector_cm) < 2.0
    assert reports[-1].error == after
    assert "step 500/500" in str(reports[-1]) and "ETA 0:00" in str(reports[-1])
    network = read_network(tmp_path / NETWORK)
    images = data.images(pretraining.held_out)
    features = np.array([network.features(image) for image in images])
    inputs = np.column_stack([features, np.ones(len(features))])
    points = data.object_points[pretraining.held_out]
    fitted = inputs @ np.linalg.lstsq(inputs, points, rcond=None)[0]
    distances = np.linalg.norm((fitted - points).reshape(-1, 3, 3), axis=-1)
    assert 100 * distances.mean() < 2.0


def test_an_interrupted_training_ends_as_one_that_was_not(
    data: PoseDataset, tmp_path: Path
) -> None:
    """Bit for bit, wherever it was cut, at the very start as well."""
    whole = Pretraining(SHORT, VISION, data)
    assert run_pretraining(whole, tmp_path / "whole", lambda _: None)
    for cut in (0, 1, 5):
        folder = tmp_path / str(cut)
        part = Pretraining(SHORT, VISION, data)
        assert not run_pretraining(part, folder, lambda _: None, stopped=stop_at(part, cut))
        rest = Pretraining(SHORT, VISION, data)
        assert run_pretraining(rest, folder, lambda _: None)
        np.testing.assert_array_equal(rest.vision.values, whole.vision.values)
        assert rest.error() == whole.error()


def test_a_checkpoint_is_gone_on_from_only_where_it_fits(data: PoseDataset, tmp_path: Path) -> None:
    """Other settings, another network, other data, another kind of file: refused, with a reason."""
    path = tmp_path / CHECKPOINT
    Pretraining(SHORT, VISION, data).write(path)
    other = tmp_path / "other"
    write_shard(other, "a", blobs(20, seed=3))
    for pretraining, reason in (
        (Pretraining(replace(SHORT, seed=1), VISION, data), "settings"),
        (Pretraining(SHORT, replace(VISION, channels=4), data), "vision"),
        (Pretraining(SHORT, VISION, PoseDataset(other)), "data"),
    ):
        with pytest.raises(ValueError, match=f"another training: {reason} was"):
            pretraining.read(path)
    with pytest.raises(ValueError, match="the network takes"):
        Pretraining(SHORT, VisionArchitecture(), data)
    write_checkpoint(path, {"values": np.zeros(3)}, {"step": "1"})
    with pytest.raises(DamagedCheckpointError, match="no checkpoint of pre-training"):
        Pretraining(SHORT, VISION, data).read(path)


def test_checkpoints_and_reports_come_in_time(data: PoseDataset, tmp_path: Path) -> None:
    """One each period of the clock, with the time that the rest takes; training may be stopped."""
    clock = iter(range(1000))
    reports: list[PretrainingProgress] = []
    pretraining = Pretraining(SHORT, VISION, data)
    run_pretraining(
        pretraining,
        tmp_path,
        reports.append,
        period_s=4.0,
        stopped=stop_at(pretraining, 8),
        clock=lambda: float(next(clock)),
    )
    assert len(reports) >= 2
    assert all(0 < report.eta_s < 60 and np.isfinite(report.loss) for report in reports)
    assert reports[-1].step == 8
    assert (tmp_path / CHECKPOINT).exists() and not (tmp_path / NETWORK).exists()


def test_training_that_diverges_says_so(data: PoseDataset, tmp_path: Path) -> None:
    """No checkpoint of numbers that are none."""
    wild = replace(SHORT, learning_rate=1e30, max_gradient_norm=1e30)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        run_pretraining(Pretraining(wild, VISION, data), tmp_path, lambda _: None)
    assert not (tmp_path / CHECKPOINT).exists()


def test_each_robot_has_an_end_effector_of_its_own() -> None:
    """One robot's layer changes nothing of another's; the object's is everybody's."""
    network = PoseNetwork(VISION, robots=3)
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.standard_normal(network.size).astype(np.float32) * 0.1)
    scaled = torch.from_numpy(rng.standard_normal((3, 3, HEIGHT, WIDTH)).astype(np.float32))
    robots = torch.tensor([0, 1, 2])
    features = network.features(values, scaled)
    _, before = network.poses(values, features, robots)
    first = VISION.size + 9 * (VISION.dim_features + 1)  # after the object's layer
    changed = values.clone()
    biases = first + 3 * 9 * VISION.dim_features
    changed[biases + 9 : biases + 18] += 1.0  # of the robot in the middle
    objects, after = network.poses(changed, features, robots)
    moved = (after - before).abs().sum(-1)
    assert moved[1] > 1.0 and moved[0] == moved[2] == 0.0
    same, _ = network.poses(changed, features[[0, 0]], robots[:2])
    np.testing.assert_allclose(same[0].numpy(), same[1].numpy(), atol=1e-6)
    assert objects.shape == (3, 9)


def test_features_that_follow_from_poses_hold_nothing_else() -> None:
    """Linear in both poses, beside what is each robot's own: whatever is added is unexplained."""
    network = PoseNetwork(VISION, robots=2)
    rng = np.random.default_rng(0)
    drawn = torch.from_numpy(rng.standard_normal(network.size).astype(np.float32))
    object_pose, hand, weight, other, biases = (
        torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
        for shape in ((5, 9), (5, 9), (16, 9), (16, 9), (2, 16))
    )
    robots = torch.tensor([0, 1, 1, 0, 1])
    features = object_pose @ weight.T + hand @ other.T + biases[robots]
    values = torch.cat(
        [drawn[: -16 * 20], torch.cat([weight, other], 1).flatten(), biases.flatten()]
    )
    left = network.unexplained(values, features, robots, (object_pose, hand))
    np.testing.assert_allclose(left.numpy(), 0.0, atol=1e-4)
    features[2, 3] += 0.5
    left = network.unexplained(values, features, robots, (object_pose, hand))
    assert left[2, 3].item() == pytest.approx(0.5, abs=1e-4)
    assert left.abs().sum().item() == pytest.approx(0.5, abs=1e-2)


def test_features_come_to_hold_the_poses_and_little_else(data: PoseDataset) -> None:
    """Of what they hold, the part that is not linear in the poses, with the weight and without."""

    def part(weight: float) -> float:
        # After 500 steps the points are learned, but what else features hold is not settled yet.
        settings = replace(SETTINGS, steps=1000, unexplained_weight=weight)
        pretraining = Pretraining(settings, VISION, data)
        while not pretraining.finished:
            pretraining.advance()
        chosen = pretraining.held_out
        features = np.array([pretraining.vision.features(i) for i in data.images(chosen)])
        robots = np.eye(data.robot_count)[data.robots[chosen]]
        poses = np.hstack([data.object_points[chosen], data.end_effector_points[chosen], robots])
        left = features - poses @ np.linalg.lstsq(poses, features, rcond=None)[0]
        return float(left.std() / features.std(axis=0).mean())

    assert part(3.0) < 0.5 * part(0.0)


def test_the_loss_is_half_the_squared_distance() -> None:
    """Of both poses, mean over the images."""
    zeros = torch.zeros(2, 9)
    off = torch.zeros(2, 9)
    off[0, :2] = torch.tensor([3.0, 4.0])
    assert float(euclidean_loss((zeros, zeros), (zeros, zeros))) == 0.0
    assert float(euclidean_loss((off, zeros), (zeros, zeros))) == pytest.approx(25 / 2 / 2)
    assert float(euclidean_loss((off, off), (zeros, zeros))) == pytest.approx(25 / 2)


def test_standardised_poses_keep_the_ratios_of_lengths() -> None:
    """Mean zero for each robot, one scale for all; a robot without poses is like the mean."""
    rng = np.random.default_rng(0)
    robots = rng.integers(0, 2, 400)
    poses = rng.normal([0.1] * 4 + [0.3] * 5, 0.2, (400, 9)).astype(np.float32)
    poses += 5 * robots[:, None].astype(np.float32)
    found = standard(poses, robots, 3)
    scaled = found.of(poses, robots)
    for robot in (0, 1):
        np.testing.assert_allclose(scaled[robots == robot].mean(axis=0), 0.0, atol=1e-4)
    assert scaled.std() == pytest.approx(1.0, rel=1e-3)
    same = np.flatnonzero(robots == 0)[:2]
    np.testing.assert_allclose(
        np.diff(scaled[same], axis=0) * found.scale, np.diff(poses[same], axis=0), atol=1e-5
    )
    np.testing.assert_allclose(found.offsets[2], poses.mean(axis=0), rtol=1e-5)


def test_the_learning_rate_falls_to_zero() -> None:
    """All of it at first, half at half, never up again."""
    rates = [SETTINGS.learning_rate_at(step) for step in range(501)]
    assert rates[0] == 0.05 and rates[250] == pytest.approx(0.025) and rates[500] == 0.0
    assert (np.diff(rates) < 0).all()


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"seed": -1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"momentum": 1.0},
        {"max_gradient_norm": 0.0},
        {"unexplained_weight": -1.0},
        {"held_out": 0.0},
        {"held_out": 1.0},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(change: dict[str, float]) -> None:
    """Each with a ValueError."""
    with pytest.raises(ValueError, match="must be"):
        replace(SETTINGS, **change)


def test_errors_are_those_on_images_that_were_given_for_it(
    data: PoseDataset, tmp_path: Path
) -> None:
    """All others are trained on; predictions are in metres, those of one that saw nothing too."""
    write_shard(tmp_path, "a", blobs(40, seed=7))
    unseen = PoseDataset(tmp_path)
    pretraining = Pretraining(SHORT, VISION, data, unseen)
    assert len(pretraining.train) == len(data) and len(pretraining.held_out) == 40
    predicted = pretraining.predict(unseen)
    expected = pose_error(predicted, (unseen.object_points, unseen.end_effector_points))
    assert pretraining.error() == expected
    np.testing.assert_allclose(predicted[0], np.tile(data.object_points.mean(0), (40, 1)), 1e-5)
    part = pretraining.predict(unseen, np.array([3, 5]))
    np.testing.assert_allclose(part[1], predicted[1][[3, 5]], atol=1e-6)


def test_a_robot_nobody_trained_with_is_refused(data: PoseDataset, tmp_path: Path) -> None:
    """It has no linear layer of its own."""
    samples = blobs(4, seed=7)
    write_shard(tmp_path, "a", replace(samples, robots=np.full(4, 9)))
    with pytest.raises(ValueError, match="held out, and none to train on"):
        Pretraining(SHORT, VISION, data, PoseDataset(tmp_path))


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU where there is one; what there is not is refused."""
    for available, chosen in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
        assert choose_device(None) == chosen
    assert choose_device("cpu") == "cpu"
    with pytest.raises(ValueError, match="no GPU"):
        choose_device("cuda")
    with pytest.raises(ValueError, match="unknown device 'tpu'"):
        choose_device("tpu")

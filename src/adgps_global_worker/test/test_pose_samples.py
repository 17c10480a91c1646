"""Shards of images with poses: what is written is read, and what is damaged is refused."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from blobs import HEIGHT, WIDTH, blobs

from adgps_core.checkpoints import DamagedCheckpointError, write_checkpoint
from adgps_global_worker.pretraining.samples import (
    PoseDataset,
    PoseSamples,
    batches,
    read_shard,
    write_shard,
)


def test_a_folder_gives_back_all_samples_in_order(tmp_path: Path) -> None:
    """Shards by name; images by their number, in any order, across shards."""
    first, second = blobs(7, seed=1), blobs(5, seed=2)
    write_shard(tmp_path, "robot_1-0", second)
    write_shard(tmp_path, "robot_0-0", first)
    data = PoseDataset(tmp_path)
    assert len(data) == 12
    assert (data.image_shape, data.robot_count) == ((HEIGHT, WIDTH, 3), 2)
    joined = np.concatenate([first.images, second.images])
    chosen = np.array([11, 0, 6, 7, 6])
    np.testing.assert_array_equal(data.images(chosen), joined[chosen])
    np.testing.assert_array_equal(data.robots, np.concatenate([first.robots, second.robots]))
    for name in ("object_points", "end_effector_points"):
        expected = np.concatenate([getattr(first, name), getattr(second, name)])
        np.testing.assert_array_equal(getattr(data, name), expected)


def test_a_fingerprint_tells_data_sets_apart(tmp_path: Path) -> None:
    """Another sample makes another data set; the same ones make the same."""
    write_shard(tmp_path / "one", "a", blobs(5))
    write_shard(tmp_path / "same", "b", blobs(5))
    write_shard(tmp_path / "more", "a", blobs(6))
    one, same, more = (PoseDataset(tmp_path / name).fingerprint for name in ("one", "same", "more"))
    assert one == same != more


def test_nothing_is_held_out_and_trained_on(tmp_path: Path) -> None:
    """Every sample is in just one part, and neither is empty."""
    write_shard(tmp_path, "a", blobs(9))
    data = PoseDataset(tmp_path)
    for part, held_out in ((1e-9, 1), (0.3, 3), (0.999, 8)):
        train, held = data.split(part, np.random.default_rng(0))
        assert len(held) == held_out
        assert sorted([*train, *held]) == list(range(9))


def test_an_epoch_takes_every_sample_once_and_can_be_entered_anywhere() -> None:
    """Batches follow from seed and step; only what fills no batch is left out."""
    indices = np.arange(100, 111)
    order = list(islice(batches(indices, 3, seed=5, begin=0), 9))
    for epoch in (order[:3], order[3:6]):
        taken = np.concatenate(epoch)
        assert len(set(taken)) == 9 and set(taken) <= set(indices)
    assert not np.array_equal(np.concatenate(order[:3]), np.concatenate(order[3:6]))
    for begin in (0, 1, 3, 5):
        again = islice(batches(indices, 3, seed=5, begin=begin), 4)
        np.testing.assert_array_equal(list(again), order[begin : begin + 4])
    assert sorted(next(batches(indices, 50, seed=5, begin=0))) == list(indices)


def test_a_damaged_shard_is_refused_by_name(tmp_path: Path) -> None:
    """One bit, or the end missing: the error says in which file."""
    path = write_shard(tmp_path, "robot_0-0", blobs(3))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    for damaged in (bytes(content), path.read_bytes()[:-10]):
        path.write_bytes(damaged)
        with pytest.raises(DamagedCheckpointError, match="robot_0-0"):
            PoseDataset(tmp_path)


def test_folders_without_samples_or_with_mixed_ones_are_refused(tmp_path: Path) -> None:
    """Nothing there, images of two sizes, files of another kind, a single sample."""
    with pytest.raises(FileNotFoundError, match="no samples"):
        PoseDataset(tmp_path)
    one = blobs(1)
    write_shard(tmp_path, "a", one)
    with pytest.raises(ValueError, match="two samples"):
        PoseDataset(tmp_path).split(0.5, np.random.default_rng(0))
    smaller = PoseSamples(
        one.images[:, 1:].copy(), one.robots, one.object_points, one.end_effector_points
    )
    write_shard(tmp_path, "b", smaller)
    with pytest.raises(ValueError, match="differ in size"):
        PoseDataset(tmp_path)
    write_checkpoint(tmp_path / "b.safetensors", {"other": np.zeros(3)}, {})
    with pytest.raises(DamagedCheckpointError, match="no pose samples"):
        PoseDataset(tmp_path)


def test_impossible_samples_are_refused() -> None:
    """Each by what is wrong with it."""
    sound = blobs(3)
    arrays = {
        "images": sound.images,
        "robots": sound.robots,
        "object_points": sound.object_points,
        "end_effector_points": sound.end_effector_points,
    }
    infinite = np.full((3, 9), np.inf, np.float32)
    for name, wrong in (
        ("images", sound.images.astype(np.float32)),
        ("images", sound.images[..., :1]),
        ("robots", sound.robots[1:]),
        ("robots", sound.robots - 5),
        ("robots", sound.robots + 10**6),
        ("starts", np.ones(2, np.bool_)),
        ("object_points", sound.object_points[:, 1:]),
        ("end_effector_points", infinite),
        ("starts", np.zeros(3, np.int64)),
    ):
        with pytest.raises(ValueError, match=name.rstrip("s")):
            PoseSamples(**(arrays | {name: wrong}))


def test_shards_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """A name that would leave the folder, and no samples; a sound one is read back."""
    samples = blobs(2)
    for name in ("", "../a", "a/b", "a.b"):
        with pytest.raises(ValueError, match="named"):
            write_shard(tmp_path, name, samples)
    with pytest.raises(ValueError, match="needs samples"):
        write_shard(tmp_path, "a", blobs(0))
    np.testing.assert_array_equal(
        read_shard(write_shard(tmp_path, "a", samples)).images, samples.images
    )

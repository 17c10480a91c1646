"""A vision network as a file: read as it was written, or refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adgps_core.checkpoints import DamagedCheckpointError, write_checkpoint
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.storage import read_network, write_network

SMALL = VisionArchitecture(12, 16, 2, 3, 2)


def make_network() -> VisionNetwork:
    """Draw one."""
    rng = np.random.default_rng(0)
    return VisionNetwork(SMALL, initial_vision_values(SMALL, rng), rng.uniform(-1, 1, 6))


def test_a_network_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Sizes, where features rest, and every bit of the parameters."""
    network = make_network()
    write_network(tmp_path / "vision.safetensors", network)
    read = read_network(tmp_path / "vision.safetensors")
    assert read.architecture == SMALL
    np.testing.assert_array_equal(read.values, network.values)
    np.testing.assert_array_equal(read.rest, network.rest)


def test_files_that_hold_no_network_are_refused(tmp_path: Path) -> None:
    """None at all, one of another kind, one whose layers are not those that it names."""
    path = tmp_path / "vision.safetensors"
    with pytest.raises(FileNotFoundError):
        read_network(path)
    network = make_network()
    same = {"vision_architecture": SMALL.to_json()}
    other = {"vision_architecture": replace(SMALL, channels=4).to_json()}
    whole = {**network.tensors, "rest": network.rest}
    for tensors, metadata in (
        (whole, {}),
        (whole, {"vision_architecture": "no network"}),
        (whole, other),
        (network.tensors, same),
        (whole | {"rest": np.zeros(5, np.float32)}, same),
        ({name: whole[name] for name in ("stem.weight", "rest")}, same),
    ):
        write_checkpoint(path, tensors, metadata)
        with pytest.raises(DamagedCheckpointError, match="holds no vision network"):
            read_network(path)

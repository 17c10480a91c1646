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
    return VisionNetwork(SMALL, initial_vision_values(SMALL, np.random.default_rng(0)))


def test_a_network_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Sizes and every bit of the parameters."""
    network = make_network()
    write_network(tmp_path / "vision.safetensors", network)
    read = read_network(tmp_path / "vision.safetensors")
    assert read.architecture == SMALL
    np.testing.assert_array_equal(read.values, network.values)


def test_files_that_hold_no_network_are_refused(tmp_path: Path) -> None:
    """None at all, one of another kind, one whose layers are not those that it names."""
    path = tmp_path / "vision.safetensors"
    with pytest.raises(FileNotFoundError):
        read_network(path)
    network = make_network()
    other = {"vision_architecture": replace(SMALL, channels=4).to_json()}
    for tensors, metadata in (
        (network.tensors, {}),
        (network.tensors, {"vision_architecture": "no network"}),
        (network.tensors, other),
        ({"stem.weight": network.tensors["stem.weight"]}, {"vision_architecture": SMALL.to_json()}),
    ):
        write_checkpoint(path, tensors, metadata)
        with pytest.raises(DamagedCheckpointError, match="holds no vision network"):
            read_network(path)

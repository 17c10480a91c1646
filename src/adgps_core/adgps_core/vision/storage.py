"""A trained vision network as a file: what pre-training leaves, and what robots read."""

from __future__ import annotations

from pathlib import Path

from adgps_core.checkpoints import DamagedCheckpointError, read_checkpoint, write_checkpoint
from adgps_core.vision.architecture import VisionArchitecture
from adgps_core.vision.features import VisionNetwork

_ARCHITECTURE = "vision_architecture"
_REST = "rest"


def write_network(path: Path, network: VisionNetwork) -> None:
    """Write a network atomically, each layer under its own name; OSError if that fails."""
    arrays = {**network.tensors, _REST: network.rest}
    write_checkpoint(path, arrays, {_ARCHITECTURE: network.architecture.to_json()})


def read_network(path: Path) -> VisionNetwork:
    """Read what `write_network` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedCheckpointError
        If it is damaged, or holds something else.
    """
    tensors, metadata = read_checkpoint(path)
    try:
        architecture = VisionArchitecture.from_json(metadata[_ARCHITECTURE])
        rest = tensors.pop(_REST)
        return VisionNetwork.from_tensors(architecture, tensors, rest)
    except (KeyError, ValueError) as error:
        raise DamagedCheckpointError(f"{path} holds no vision network: {error}") from error

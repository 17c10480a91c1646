"""Named arrays in one file that is written whole or not at all, and proves itself when read.

The container is safetensors: no code runs when a file is read. Its metadata carries a SHA-256 over
every name, type, shape and byte, so that a damaged file is told from a sound one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

_HASH = "sha256"


class DamagedCheckpointError(Exception):
    """A checkpoint that is not what was written; the message names the file and what is wrong."""


def write_checkpoint(
    path: Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays and metadata atomically: a reader sees the old file or the new, never a part.

    Raises
    ------
    OSError
        If the folder cannot be written.
    ValueError
        If the metadata uses the name of the hash, or the container has no place for a type.
    """
    if _HASH in metadata:
        raise ValueError(f"metadata must not be named {_HASH!r}")
    sound = {name: _as_stored(array) for name, array in arrays.items()}
    try:
        content = save(sound, {**metadata, _HASH: _digest(sound, metadata)})
    except SafetensorError as error:
        raise ValueError(f"arrays cannot be stored: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the rename itself must survive a power cut
    finally:
        os.close(folder)


def read_checkpoint(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read what `write_checkpoint` wrote, verified.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedCheckpointError
        If the file is not a checkpoint, was cut short, or a bit of it changed.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, TypeError, AttributeError, ValueError, OSError) as error:
        # TypeError, AttributeError: of a type that safetensors knows and numpy does not.
        raise DamagedCheckpointError(f"{path} cannot be read: {error}") from error
    expected = metadata.pop(_HASH, "")
    if expected != _digest(arrays, metadata):
        raise DamagedCheckpointError(f"{path} does not match its hash")
    return arrays, metadata


def _as_stored(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array as it will be read: row-major, in this machine's byte order."""
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def _digest(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for key in sorted(metadata):
        digest.update(f"{key!r}={metadata[key]!r};".encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name!r}:{array.dtype.str}:{array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()

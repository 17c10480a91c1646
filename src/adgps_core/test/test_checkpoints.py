"""A checkpoint is there whole or not at all, and what is not as it was written is refused."""

import errno
import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_samples import assert_same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from adgps_core.checkpoints import DamagedCheckpointError, read_checkpoint, write_checkpoint

Arrays = dict[str, NDArray[Any]]

_DTYPES = st.sampled_from(["f8", "f4", "f2", "i8", "i4", "u1", "u8", "?"]).map(np.dtype)
_ARRAYS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: name != "__metadata__"),
    _DTYPES.flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
    ),
    max_size=4,
)
_METADATA = st.dictionaries(
    st.text(st.characters(codec="utf-8")).filter(lambda key: key != "sha256"),
    st.text(st.characters(codec="utf-8")),
    max_size=4,
)


def _content() -> tuple[Arrays, dict[str, str]]:
    arrays = {
        "weights": np.array([[1.0, -2.0, np.nan], [0.5, 3.0, 4.0]]),
        "step": np.array(17, np.int64),
        "empty": np.zeros((0, 2), np.float32),
    }
    return arrays, {"version": "[1, 2]", "kind": "test"}


def _written(folder: Path) -> Path:
    path = folder / "policy.safetensors"
    write_checkpoint(path, *_content())
    return path


def _assert_holds(path: Path, arrays: Arrays, metadata: dict[str, str]) -> None:
    found, about = read_checkpoint(path)
    assert_same(dict(sorted(found.items())), dict(sorted(arrays.items())))
    assert about == metadata


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ARRAYS, _METADATA)
def test_there_and_back_is_exact(tmp_path: Path, arrays: Arrays, metadata: dict[str, str]) -> None:
    """Names, types, shapes and every bit, of any arrays and any text."""
    path = tmp_path / "any.safetensors"
    write_checkpoint(path, arrays, metadata)
    _assert_holds(path, arrays, metadata)


def test_what_is_read_does_not_depend_on_the_layout_in_memory(tmp_path: Path) -> None:
    """Transposed, strided or in the other byte order: the same numbers come back."""
    numbers = np.arange(12.0).reshape(3, 4)
    arrays = {"a": numbers.T, "b": numbers[:, ::2], "c": numbers.astype(">f8")}
    path = tmp_path / "layout.safetensors"
    write_checkpoint(path, arrays, {})
    found, _ = read_checkpoint(path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("turn", [0, 5])
def test_a_flipped_bit_in_any_byte_is_refused(tmp_path: Path, turn: int) -> None:
    """Of the header, the metadata, the numbers or the hash itself; each bit of a byte in turn."""
    path = _written(tmp_path)
    sound = path.read_bytes()
    for place in range(len(sound)):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << (place + turn) % 8
        path.write_bytes(damaged)
        with pytest.raises(DamagedCheckpointError, match=path.name):
            read_checkpoint(path)


def test_every_cut_is_refused(tmp_path: Path) -> None:
    """And so is anything that was appended, and an empty file."""
    path = _written(tmp_path)
    sound = path.read_bytes()
    for damaged in (*(sound[:length] for length in range(len(sound))), sound + b"\0"):
        path.write_bytes(damaged)
        with pytest.raises(DamagedCheckpointError, match=path.name):
            read_checkpoint(path)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever it holds, the error is the one that callers expect."""
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpointError):
        read_checkpoint(path)


@pytest.mark.parametrize(("dtype", "size"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E8M0", 1)])
def test_types_that_numpy_lacks_are_refused(tmp_path: Path, dtype: str, size: int) -> None:
    """A sound container of somebody else's is no checkpoint of ours."""
    entry = {"dtype": dtype, "shape": [1], "data_offsets": [0, size]}
    header = json.dumps({"v": entry}).encode()
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(size))
    with pytest.raises(DamagedCheckpointError, match="cannot be read"):
        read_checkpoint(path)


_CHANGES: dict[str, tuple[Arrays, dict[str, str]]] = {
    "name": ({"w": np.arange(4, dtype=np.int32)}, {"k": "1"}),
    "type": ({"v": np.arange(4, dtype=np.int32).view(np.float32)}, {"k": "1"}),
    "sign": ({"v": np.arange(4, dtype=np.uint32)}, {"k": "1"}),
    "shape": ({"v": np.arange(4, dtype=np.int32).reshape(2, 2)}, {"k": "1"}),
    "numbers": ({"v": np.arange(4, dtype=np.int32)[::-1].copy()}, {"k": "1"}),
    "array more": ({"v": np.arange(4, dtype=np.int32), "w": np.zeros(0)}, {"k": "1"}),
    "array fewer": ({}, {"k": "1"}),
    "metadata": ({"v": np.arange(4, dtype=np.int32)}, {"k": "2"}),
    "metadata more": ({"v": np.arange(4, dtype=np.int32)}, {"k": "1", "l": ""}),
    "metadata fewer": ({"v": np.arange(4, dtype=np.int32)}, {}),
}


@pytest.mark.parametrize("change", _CHANGES)
def test_the_hash_is_over_everything(tmp_path: Path, change: str) -> None:
    """A sound container with the hash of other content is refused."""
    path = tmp_path / "policy.safetensors"
    write_checkpoint(path, {"v": np.arange(4, dtype=np.int32)}, {"k": "1"})
    with safe_open(path, framework="numpy") as file:
        digest = file.metadata()["sha256"]
    arrays, metadata = _CHANGES[change]
    save_file(arrays, path, {**metadata, "sha256": digest})
    with pytest.raises(DamagedCheckpointError, match="does not match its hash"):
        read_checkpoint(path)


def test_a_file_without_a_hash_is_refused(tmp_path: Path) -> None:
    """Nobody vouches for it."""
    path = tmp_path / "policy.safetensors"
    save_file({"v": np.zeros(3)}, path)
    with pytest.raises(DamagedCheckpointError, match="does not match its hash"):
        read_checkpoint(path)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A full disk costs the new checkpoint, and leaves nothing else behind."""
    path = _written(tmp_path)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), full)
        with pytest.raises(OSError, match="no space left"):
            write_checkpoint(path, {"weights": np.zeros(3)}, {})
    _assert_holds(path, *_content())
    assert list(tmp_path.iterdir()) == [path]


_KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from adgps_core.checkpoints import write_checkpoint
os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
write_checkpoint(Path(sys.argv[1]), {"weights": np.zeros(3)}, {})
"""


def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path: Path) -> None:
    """And the next writer is not hindered by what it left."""
    path = _written(tmp_path)
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    _assert_holds(path, *_content())
    write_checkpoint(path, {"weights": np.ones(2)}, {})
    _assert_holds(path, {"weights": np.ones(2)}, {})


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    """While one thread writes again and again, every read is of one write, whole."""
    path = tmp_path / "policy.safetensors"
    write_checkpoint(path, {"v": np.zeros(20_000)}, {"n": "0"})
    done = threading.Event()

    def write() -> None:
        for n in range(1, 40):
            write_checkpoint(path, {"v": np.full(20_000, float(n))}, {"n": str(n)})
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        arrays, metadata = read_checkpoint(path)
        assert (arrays["v"] == float(metadata["n"])).all()
        seen.add(metadata["n"])
    writer.join()
    assert len(seen) > 1


def test_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    """One file, under the name asked for."""
    path = tmp_path / "run" / "checkpoints" / "a.safetensors"
    for _ in range(2):
        write_checkpoint(path, *_content())
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


class _Bomb:
    """Whoever unpickles it makes a folder."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


def test_a_pickle_is_refused_unopened(tmp_path: Path) -> None:
    """No code of a file is run."""
    path, trace = tmp_path / "policy.safetensors", tmp_path / "trace"
    path.write_bytes(pickle.dumps(_Bomb(trace)))
    with pytest.raises(DamagedCheckpointError):
        read_checkpoint(path)
    assert not trace.exists()


@pytest.mark.parametrize("array", [np.array([None]), np.array(["text"]), np.zeros(2, complex)])
def test_arrays_that_need_more_than_numbers_are_refused(
    tmp_path: Path, array: NDArray[Any]
) -> None:
    """Before anything is written."""
    with pytest.raises(ValueError, match="arrays cannot be stored"):
        write_checkpoint(tmp_path / "a.safetensors", {"v": array}, {})
    assert not list(tmp_path.iterdir())


def test_the_name_of_the_hash_is_taken(tmp_path: Path) -> None:
    """Metadata cannot pretend to be it."""
    with pytest.raises(ValueError, match="metadata must not be named 'sha256'"):
        write_checkpoint(tmp_path / "a.safetensors", {}, {"sha256": "0"})


def test_no_file_is_not_a_damaged_one(tmp_path: Path) -> None:
    """A fresh start is told from a loss."""
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "none.safetensors")

"""Demonstrations come back bit for bit; the nearest one is found; what cannot be is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_samples import assert_same

from adgps_core.checkpoints import DamagedCheckpointError, write_checkpoint
from adgps_core.demonstration import (
    KIND,
    Demonstration,
    load_demonstrations,
    nearest,
    save_demonstrations,
)
from adgps_core.tasks import Instance

T, DIM_U = 4, 3


def _fields(seed: int = 0, goal: float = 0.0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "instance": Instance("reach", f"training/{seed}", np.full(2, goal)),
        "joint_angles": rng.standard_normal((T + 1, DIM_U)),
        "joint_velocities": rng.standard_normal((T + 1, DIM_U)),
        "feedforward": rng.standard_normal((T, DIM_U)),
        "measurements": {"imu": rng.standard_normal((T + 1, 10))},
    }


def _demonstration(seed: int = 0, goal: float = 0.0) -> Demonstration:
    return Demonstration(**_fields(seed, goal))


def _written(folder: Path, count: int = 2) -> Path:
    path = folder / "demonstrations.safetensors"
    save_demonstrations(path, [_demonstration(seed) for seed in range(count)])
    return path


@pytest.mark.parametrize("count", [0, 1, 12])
def test_there_and_back_is_exact_and_in_order(tmp_path: Path, count: int) -> None:
    """With more than ten of them too, whose numbers do not sort as text does."""
    expected = tuple(_demonstration(seed) for seed in range(count))
    assert_same(load_demonstrations(_written(tmp_path, count)), expected)


def test_arrays_are_frozen_copies() -> None:
    """Nobody changes what was shown."""
    fields = _fields()
    made = Demonstration(**fields)
    before = made.joint_angles.copy()
    fields["joint_angles"] += 1.0
    np.testing.assert_array_equal(made.joint_angles, before)
    with pytest.raises(ValueError, match="read-only"):
        made.feedforward[0, 0] = 1.0
    assert (made.horizon, made.dim_u) == (T, DIM_U)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("joint_angles", np.zeros((T, DIM_U)), "joint_angles has shape"),
        ("joint_velocities", np.zeros((T + 1, DIM_U + 1)), "joint_velocities has shape"),
        ("joint_velocities", np.full((T + 1, DIM_U), np.nan), "joint_velocities holds a number"),
        ("feedforward", np.zeros(T), "feedforward must have two dimensions"),
        ("feedforward", np.zeros((0, DIM_U)), "at least one step"),
        ("measurements", {"imu": np.zeros((T, 10))}, "measurement imu has shape"),
        ("measurements", {"imu": np.zeros(T + 1)}, "measurement imu must have two dimensions"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: Any, message: str) -> None:
    """Each field in turn."""
    with pytest.raises(ValueError, match=message):
        Demonstration(**{**_fields(), name: value})


def test_the_nearest_one_is_of_the_same_task() -> None:
    """Whatever lies nearer and is of another."""
    far, near = _demonstration(1, 3.0), _demonstration(2, 1.5)
    fields = _fields(3, 1.0)
    other = Demonstration(**{**fields, "instance": Instance("drawer", "a", np.full(2, 1.0))})
    assert nearest([far, other, near], Instance("reach", "test/0", np.full(2, 1.0))) is near
    assert nearest([far, other, near], Instance("drawer", "test/0", np.full(2, 3.0))) is other
    with pytest.raises(ValueError, match="no demonstration of door"):
        nearest([far, other], Instance("door", "test/0", np.zeros(2)))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """As any checkpoint is; a byte in the middle is of the numbers."""
    path = _written(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match=path.name):
        load_demonstrations(path)


@pytest.mark.parametrize(
    "metadata",
    [
        {"kind": "local_state"},
        {"kind": KIND},
        {"kind": KIND, "instances": "[["},
        {"kind": KIND, "instances": json.dumps([["reach", "training/0"]])},
        {"kind": KIND, "instances": "3"},
    ],
)
def test_another_sound_file_is_refused(tmp_path: Path, metadata: dict[str, str]) -> None:
    """Whatever it is, with the same error."""
    path = tmp_path / "other.safetensors"
    write_checkpoint(path, {"0/joint_angles": np.zeros((2, 1))}, metadata)
    with pytest.raises(DamagedCheckpointError, match=path.name):
        load_demonstrations(path)


def test_no_file_is_not_a_damaged_one(tmp_path: Path) -> None:
    """Its name is the message."""
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        load_demonstrations(tmp_path / "none.safetensors")

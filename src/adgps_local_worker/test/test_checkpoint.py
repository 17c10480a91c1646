"""A state comes back from disk exactly as it was, or not at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from point_mass import CONFIGURATION, INSTANCES, TASK, global_policy

from adgps_core.checkpoints import DamagedCheckpointError, write_checkpoint
from adgps_local_worker.checkpoint import load_state, save_state
from adgps_local_worker.local_state import LocalState, initial_state
from adgps_local_worker.local_update import fit, improve
from adgps_local_worker.problem import Problem

PROBLEM = Problem(TASK, INSTANCES[0], CONFIGURATION)


def _improved() -> LocalState:
    """State with every field set, after two iterations with a global policy."""
    state = initial_state(TASK, CONFIGURATION)
    for iteration in range(2):
        rng = np.random.default_rng(iteration)
        samples = [TASK.roll_out(INSTANCES[0], state.policy, n) for n in range(4)]
        state = fit(state, samples, PROBLEM, rng)
        state, _ = improve(state, global_policy(0), PROBLEM, rng)
    return state


def _assert_same(found: object, expected: object) -> None:
    """Compare all the way down: types, None, and every bit."""
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype  # type: ignore[attr-defined]
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, tuple):
        for pair in zip(found, expected, strict=True):  # type: ignore[call-overload]
            _assert_same(*pair)
    elif hasattr(expected, "__dataclass_fields__"):
        for name in expected.__dataclass_fields__:
            _assert_same(getattr(found, name), getattr(expected, name))
    else:
        assert found == expected


def test_there_and_back_is_exact(tmp_path: Path) -> None:
    """Also what is stored beside the state."""
    state, path = _improved(), tmp_path / "state.safetensors"
    assert all(value is not None for value in vars(state).values())  # the test means every field
    extra = {"published": np.arange(5, dtype=np.uint8)}
    save_state(path, state, extra)
    loaded, beside = load_state(path)
    _assert_same(loaded, state)
    _assert_same(beside["published"], extra["published"])


def test_what_is_none_stays_none(tmp_path: Path) -> None:
    """Before the first batch, and between the first batch and the first step."""
    path = tmp_path / "state.safetensors"
    fresh = initial_state(TASK, CONFIGURATION)
    save_state(path, fresh, {})
    loaded, beside = load_state(path)
    _assert_same(loaded, fresh)
    assert beside == {}
    assert loaded.batch is None and loaded.history == () and loaded.improvement is None
    samples = [TASK.roll_out(INSTANCES[0], fresh.policy, n) for n in range(3)]
    rng = np.random.default_rng(0)
    fitted = fit(fresh, samples, PROBLEM, rng)
    save_state(path, fitted, {})
    _assert_same(load_state(path)[0], fitted)


def test_more_than_ten_past_iterations_keep_their_order(tmp_path: Path) -> None:
    """Numbers are not sorted as words."""
    history = tuple(np.full((2, 10), float(index)) for index in range(12))
    state = replace(initial_state(TASK, CONFIGURATION), history=history)
    save_state(tmp_path / "state.safetensors", state, {})
    _assert_same(load_state(tmp_path / "state.safetensors")[0].history, history)


@pytest.mark.parametrize("position", [0.1, 0.5, 0.999])
def test_a_damaged_file_is_refused(tmp_path: Path, position: float) -> None:
    """One bit is enough; so is a missing end."""
    path = tmp_path / "state.safetensors"
    save_state(path, _improved(), {})
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match=path.name):
        load_state(path)
    path.write_bytes(content[: int(position * len(content))])
    with pytest.raises(DamagedCheckpointError, match=path.name):
        load_state(path)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    """Sound in itself, but no local state."""
    path = tmp_path / "state.safetensors"
    write_checkpoint(path, {"values": np.zeros(3)}, {"kind": "parameter_server"})
    with pytest.raises(DamagedCheckpointError, match="local_state"):
        load_state(path)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    """Which is not the same as damaged."""
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "state.safetensors")

"""A checkpoint holds everything; a damaged one is refused and the one before it used."""

from pathlib import Path

import numpy as np
import pytest
from server_fixtures import P, fresh_server, fresh_state, make_push

from adgps_core.checkpoints import DamagedCheckpointError
from adgps_core.global_policy import PolicyVersion
from adgps_param_server.checkpoints import CheckpointFolder, load_policy, load_state
from adgps_param_server.optimizers import OptimizerConfiguration
from adgps_param_server.pushes import PushCode
from adgps_param_server.resume import starting_state
from adgps_param_server.server import ParameterServer, ServerState


def _assert_same(left: ServerState, right: ServerState) -> None:
    assert left.policy.version == right.policy.version
    assert left.policy.architecture == right.policy.architecture
    for name in ("values", "offset", "scale"):
        np.testing.assert_array_equal(getattr(left.policy, name), getattr(right.policy, name))
    np.testing.assert_array_equal(left.averaged.values, right.averaged.values)
    assert left.optimizer == right.optimizer
    assert left.optimizer_state.keys() == right.optimizer_state.keys()
    for name, array in left.optimizer_state.items():
        np.testing.assert_array_equal(array, right.optimizer_state[name])
    assert left.sequences == right.sequences
    assert left.statistics == right.statistics


def _trained(updates: int, kind: str = "adam") -> ParameterServer:
    server = fresh_server(kind=kind, averaging=3.0)
    rng = np.random.default_rng(0)
    for sequence in range(updates):
        gradient = rng.standard_normal(P).astype(np.float32)
        server.push(make_push(server, sequence, gradient=gradient, start_id=2**63 + 5))
    server.push(make_push(server, updates, gradient=np.full(P, np.nan, np.float32)))
    return server


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_a_checkpoint_is_the_state_exactly(tmp_path: Path, kind: str) -> None:
    """Written and read, everything is as it was, and training goes on bit for bit."""
    server = _trained(5, kind)
    path = CheckpointFolder(tmp_path).write(server.snapshot(), {"hidden": [4], "seed": 3})
    state = load_state(path)
    _assert_same(state, server.snapshot())
    again = ParameterServer(state, averaging=3.0)
    for each in (server, again):
        each.push(make_push(each, 99))
    np.testing.assert_array_equal(again.policy.values, server.policy.values)
    np.testing.assert_array_equal(again.averaged.values, server.averaged.values)
    assert (load_policy(path).values != state.policy.values).any()  # robots run the average


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    """Of many checkpoints the newest few stay, and nothing half-written beside them."""
    folder, server = CheckpointFolder(tmp_path, kept=3), fresh_server()
    for sequence in range(12):
        server.push(make_push(server, sequence))
        folder.write(server.snapshot(), {})
    assert [load_state(path).policy.version.counter for path in folder.files] == [12, 11, 10]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    """One flipped bit in the newest: refused with its name, and the one before is used."""
    folder, server = CheckpointFolder(tmp_path), _trained(3)
    folder.write(server.snapshot(), {})
    expected = server.snapshot()
    server.push(make_push(server, 10))
    newest = folder.write(server.snapshot(), {})
    content = bytearray(newest.read_bytes())
    content[-7] ^= 1
    newest.write_bytes(content)
    messages: list[str] = []
    state = folder.read_newest(messages.append)
    assert state is not None
    _assert_same(state, expected)
    assert len(messages) == 1 and newest.name in messages[0]
    assert load_policy(tmp_path).version == expected.policy.version
    with pytest.raises(DamagedCheckpointError, match="hash"):
        load_policy(newest)


def test_with_no_sound_checkpoint_nothing_starts(tmp_path: Path) -> None:
    """A run whose checkpoints are all damaged is not silently trained from scratch."""
    folder = CheckpointFolder(tmp_path)
    path = folder.write(_trained(3).snapshot(), {})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DamagedCheckpointError, match="none of 1"):
        starting_state(fresh_state("adam"), folder, True, lambda _: None)


def test_every_start_has_an_epoch_of_its_own(tmp_path: Path) -> None:
    """Afresh, resumed, or resumed past a damaged checkpoint, the epoch is a new one."""
    folder = CheckpointFolder(tmp_path)
    epochs = []
    for attempt, resume in enumerate([False, True, True, False, True]):
        state = starting_state(fresh_state(), folder, resume, lambda _: None)
        epochs.append(state.policy.version.epoch)
        path = folder.write(state, {})
        if attempt == 1:
            path.write_bytes(b"damaged")
    assert epochs == [1, 2, 3, 4, 5]
    assert starting_state(fresh_state(), None, True, lambda _: None).policy.version.epoch == 1


def test_resuming_keeps_the_counter_and_takes_new_settings(tmp_path: Path) -> None:
    """The learning rate may be changed on resuming; moments and counter stay."""
    folder, server = CheckpointFolder(tmp_path), _trained(4)
    folder.write(server.snapshot(), {})
    fresh = ServerState(fresh_state().policy, OptimizerConfiguration("adam", 5e-4))
    state = starting_state(fresh, folder, True, lambda _: None)
    assert state.policy.version == PolicyVersion(2, 4)
    assert state.optimizer.learning_rate == 5e-4
    assert state.optimizer_state.keys() == {"step", "exp_avg", "exp_avg_sq"}
    stale = make_push(server, 50, version=PolicyVersion(1, 4))
    assert ParameterServer(state).push(stale).code is PushCode.OTHER_EPOCH


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    """Another network or another kind of optimiser cannot be resumed."""
    folder = CheckpointFolder(tmp_path)
    folder.write(_trained(2).snapshot(), {})
    with pytest.raises(ValueError, match="optimizer adam"):
        starting_state(fresh_state("sgd"), folder, True, lambda _: None)
    with pytest.raises(ValueError, match="at least 2"):
        CheckpointFolder(tmp_path, kept=1)
    with pytest.raises(FileNotFoundError):
        load_policy(tmp_path / "nothing")

"""Policies of a run are kept now and then, and come back as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adgps_bringup.policy_history import PolicyHistory, load_kept, read_history
from adgps_core.checkpoints import DamagedCheckpointError
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values

NETWORK = Architecture(dim_o=3, dim_u=2, hidden=(4,), action_scale=5.0)


def policy(counter: int) -> GlobalPolicy:
    values = initial_values(NETWORK, np.random.default_rng(counter), -1.0)
    return GlobalPolicy(NETWORK, np.arange(3.0), np.ones(3), values, PolicyVersion(1, counter))


def test_kept_policies_come_back_as_they_were(tmp_path: Path) -> None:
    history = PolicyHistory(tmp_path, period=2.0)
    for n, now in ((0, 0.0), (3, 2.5), (4, 9.0)):
        history.offer(policy(n), now, 10 * n)
    assert [(k.version, k.wall_clock_s, k.rollouts) for k in read_history(tmp_path)] == [
        ("1.0", 0.0, 0),
        ("1.3", 2.5, 30),
        ("1.4", 9.0, 40),
    ]
    loaded = load_kept(tmp_path, read_history(tmp_path)[1])
    wanted = policy(3)
    assert loaded.version == wanted.version and loaded.architecture == wanted.architecture
    observation = np.array([0.3, -0.2, 0.5])
    np.testing.assert_array_equal(
        loaded.act(observation, np.zeros(2)), wanted.act(observation, np.zeros(2))
    )


def test_of_those_that_come_too_soon_the_newest_is_kept_later_as_of_its_own_time(
    tmp_path: Path,
) -> None:
    """As the last policy before a pause, which is what robots run in it."""
    history = PolicyHistory(tmp_path, period=2.0)
    for n, now in ((1, 1.0), (1, 1.5), (2, 1.6), (3, 1.9)):
        history.offer(policy(n), now, n)
    history.keep(2.9)
    assert [k.version for k in read_history(tmp_path)] == ["1.1"]
    history.keep(3.0)
    history.keep(9.0)
    assert [(k.version, k.wall_clock_s) for k in read_history(tmp_path)] == [
        ("1.1", 1.0),
        ("1.3", 1.9),
    ]
    history.offer(policy(4), 3.1, 9)
    history.keep(3.2, at_once=True)
    assert [k.version for k in read_history(tmp_path)] == ["1.1", "1.3", "1.4"]


def test_what_a_power_cut_left_is_read(tmp_path: Path) -> None:
    assert read_history(tmp_path) == ()
    PolicyHistory(tmp_path, period=1.0).offer(policy(1), 0.0, 0)
    index = tmp_path / "policies" / "index.jsonl"
    index.write_text(index.read_text() + '{"file": "policy-0')
    (kept,) = read_history(tmp_path)
    (tmp_path / "policies" / kept.file).write_bytes(b"nonsense")
    with pytest.raises(DamagedCheckpointError):
        load_kept(tmp_path, kept)
    with pytest.raises(FileNotFoundError):
        load_kept(tmp_path, replace(kept, file="none.safetensors"))

"""A version that a batch runs stays at hand; of the others, as many as memory allows."""

from dataclasses import replace

import numpy as np
import pytest

from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion
from adgps_robot import policy_versions
from adgps_robot.policy_versions import FEWEST, PolicyVersions

ARCHITECTURE = Architecture(2, 1, ())
POLICY = GlobalPolicy(
    ARCHITECTURE, np.zeros(2), np.ones(2), np.zeros(ARCHITECTURE.size, np.float32)
)


def version(counter: int) -> GlobalPolicy:
    """The same policy as another version."""
    return replace(POLICY, version=PolicyVersion(1, counter))


def counters(versions: PolicyVersions) -> list[int]:
    """Which are at hand."""
    return [policy.version.counter for policy in versions]


def test_the_newest_are_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few of large ones, more of small ones."""
    versions = PolicyVersions()
    assert versions.newest is None and not counters(versions)
    for room, kept in ((0, FEWEST), (100 * POLICY.values.nbytes, 100)):
        monkeypatch.setattr(policy_versions, "MEMORY", room)
        for counter in range(200):
            versions.add(version(counter))
        assert counters(versions) == list(range(200 - kept, 200))
        assert versions.newest is not None and versions.newest.version.counter == 199


def test_the_version_that_ran_stays_until_another_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many arrive while a person puts the arm back."""
    monkeypatch.setattr(policy_versions, "MEMORY", 0)
    versions = PolicyVersions()
    for counter in range(100):
        versions.add(version(counter))
        if counter == 5:
            assert versions.newest is not None
            versions.note_run(versions.newest)
            assert counters(versions) == list(range(6))
    assert counters(versions) == [5, *range(100 - FEWEST, 100)]
    versions.note_run(version(99))
    assert 5 not in counters(versions)

"""The server applies what fits exactly once, and refuses the rest with figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_fixtures import P, fresh_server, make_push

from adgps_core.global_policy import PolicyVersion
from adgps_param_server.pushes import Push, PushCode


def test_a_gradient_moves_the_policy_and_the_version() -> None:
    """SGD at rate 1 on a gradient of ones subtracts one, and the counter rises by one."""
    server = fresh_server()
    before = server.policy
    outcome = server.push(make_push(server))
    assert outcome.code is PushCode.APPLIED and outcome.reason == ""
    assert server.policy.version == PolicyVersion(1, 1)
    np.testing.assert_allclose(server.policy.values, before.values - 1, rtol=1e-6)
    assert before.version == PolicyVersion(1, 0)


def test_the_average_is_plain_at_first_and_then_forgets() -> None:
    """Values fall by 1 with every update: the mean of k of them, later N - 1 updates behind."""
    server = fresh_server(averaging=4.0)
    first = server.policy.values
    for sequence in range(4):
        server.push(make_push(server, sequence))
    np.testing.assert_allclose(server.averaged.values, first - np.mean([1, 2, 3, 4]), rtol=1e-5)
    for sequence in range(4, 60):
        server.push(make_push(server, sequence))
    np.testing.assert_allclose(server.averaged.values, server.policy.values + 3, rtol=1e-5)
    assert server.averaged.version == server.policy.version


def test_without_averaging_the_newest_is_served() -> None:
    """As is the first policy, before any update."""
    server = fresh_server()
    np.testing.assert_array_equal(server.averaged.values, server.policy.values)
    server.push(make_push(server))
    np.testing.assert_array_equal(server.averaged.values, server.policy.values)
    with pytest.raises(ValueError, match="averaging is"):
        fresh_server(averaging=0.5)


def test_staleness_is_what_others_did_since() -> None:
    """Two workers at the same version: the second is stale by one; bounded, it is refused."""
    server = fresh_server(max_staleness=1)
    late = [make_push(server, worker=name) for name in "abc"]
    outcomes = [server.push(push) for push in late]
    assert [o.code for o in outcomes] == [PushCode.APPLIED, PushCode.APPLIED, PushCode.TOO_STALE]
    assert [o.staleness for o in outcomes] == [0, 1, 2]
    assert "2 updates" in outcomes[2].reason and "at most 1" in outcomes[2].reason
    assert server.statistics.mean_staleness == 0.5 and server.statistics.staleness_max == 1
    assert server.policy.version.counter == 2


def test_a_worker_that_started_anew_counts_from_anew() -> None:
    """Sequences belong to a start of a worker, not to its name."""
    server = fresh_server()
    assert server.push(make_push(server, 7, start_id=1)).code is PushCode.APPLIED
    assert server.push(make_push(server, 0, start_id=2)).code is PushCode.APPLIED
    assert server.push(make_push(server, 7, start_id=1)).code is PushCode.DUPLICATE
    assert server.push(make_push(server, 3, start_id=1)).code is PushCode.OUT_OF_ORDER
    assert server.push(make_push(server, 8, start_id=1)).code is PushCode.APPLIED
    assert server.workers == 1


@pytest.mark.parametrize(
    ("change", "code", "figures"),
    [
        ({"gradient": np.ones(P + 1, np.float32)}, PushCode.WRONG_SIZE, [str(P + 1), str(P)]),
        ({"gradient": np.ones(1, np.float32)}, PushCode.WRONG_SIZE, ["1 numbers", str(P)]),
        ({"gradient": np.full(P, np.nan, np.float32)}, PushCode.NOT_FINITE, [f"{P} of"]),
        ({"gradient": np.full(P, np.inf, np.float32)}, PushCode.NOT_FINITE, [f"{P} of"]),
        ({"gradient": np.full(P, 1e30, np.float32)}, PushCode.NOT_FINITE, ["1e+18"]),
        ({"version": PolicyVersion(1, 5)}, PushCode.FUTURE_VERSION, ["1.5", "1.0"]),
        ({"version": PolicyVersion(2, 0)}, PushCode.FUTURE_VERSION, ["2.0", "1.0"]),
        ({"version": PolicyVersion(0, 9)}, PushCode.OTHER_EPOCH, ["0.9", "1.0"]),
        ({"unreadable": "written anew"}, PushCode.SHARED_MEMORY, ["written anew"]),
    ],
)
def test_what_does_not_fit_is_refused(
    change: dict[str, object], code: PushCode, figures: list[str]
) -> None:
    """Each refusal has its code, its figures, its count, and changes nothing."""
    server = fresh_server()
    before = server.policy
    outcome = server.push(make_push(server, **change))  # type: ignore[arg-type]
    assert outcome.code is code and code.refused
    assert all(figure in outcome.reason for figure in figures)
    assert server.policy is before
    assert server.statistics.counts[code] == 1 and server.statistics.applied == 0
    assert server.push(make_push(server)).code is PushCode.APPLIED  # nothing else is lost


def test_an_empty_gradient_only_fetches() -> None:
    """A pull from any version, of any epoch, changes nothing and is no refusal."""
    server = fresh_server()
    pull = make_push(server, version=PolicyVersion(), gradient=np.zeros(0, np.float32))
    assert server.push(pull).code is PushCode.PULL_ONLY
    assert not PushCode.PULL_ONLY.refused
    assert server.policy.version == PolicyVersion(1, 0)


def test_repeating_an_applied_push_stays_safe_when_the_epoch_changes() -> None:
    """A reply lost in a crash: the repeated push is known if its update survived, else refused."""
    old = fresh_server()
    survived, lost = make_push(old, 0), make_push(old, 1)
    old.push(survived)
    saved = old.snapshot()
    old.push(lost)
    new = type(old)(saved.in_epoch(2))
    assert new.push(survived).code is PushCode.DUPLICATE
    assert new.push(lost).code is PushCode.OTHER_EPOCH
    assert new.policy.version == PolicyVersion(2, 1)


def test_lost_updates_are_learned_from_what_workers_still_hold() -> None:
    """Versions that workers saw beyond the checkpoint tell how many updates are gone."""
    old = fresh_server()
    for sequence in range(3):
        old.push(make_push(old, sequence))
    saved = old.snapshot()
    for sequence in range(3, 8):
        old.push(make_push(old, sequence))
    new = type(old)(saved.in_epoch(2))
    new.push(make_push(new, 8, version=old.policy.version))
    new.push(make_push(new, 9, version=PolicyVersion(1, 6)))
    assert new.statistics.lost_updates == 5
    assert saved.statistics.lost_updates == 0


def test_lost_updates_are_learned_from_fetches_too() -> None:
    """A worker that waited for rollouts has no gradient of the old epoch left to push."""
    old = fresh_server()
    for sequence in range(4):
        old.push(make_push(old, sequence))
    new = type(old)(fresh_server().snapshot().in_epoch(2))
    empty = np.zeros(0, np.float32)
    for version in (PolicyVersion(), new.policy.version, PolicyVersion(1, 4), PolicyVersion(1, 2)):
        new.push(make_push(new, version=version, gradient=empty))
    new.push(make_push(new, 5))
    new.push(make_push(new, version=new.policy.version, gradient=empty))
    assert new.statistics.lost_updates == 4


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), max_size=40))
def test_every_push_is_applied_at_most_once(keys: list[tuple[str, int]]) -> None:
    """Whatever is repeated or reordered, updates equal the distinct pushes that were applied."""
    server = fresh_server()
    applied: list[tuple[str, int]] = []
    for worker, sequence in keys:
        push: Push = make_push(server, sequence, worker=worker)
        if server.push(push).code is PushCode.APPLIED:
            applied.append((worker, sequence))
    assert len(set(applied)) == len(applied) == server.policy.version.counter
    assert {key[0] for key in keys} == {key[0] for key in applied}
    assert sum(server.statistics.counts.values()) == len(keys)


def test_finite_gradients_never_break_the_policy() -> None:
    """The longest gradients that are taken leave finite policy parameters."""
    for kind in ("sgd", "adam", "adamw"):
        server = fresh_server(kind=kind)
        huge = np.full(P, 0.99e18 / np.sqrt(P), np.float32)
        for sequence in range(5):
            push = make_push(server, sequence, gradient=huge)
            assert server.push(push).code is PushCode.APPLIED
        assert np.isfinite(server.policy.values).all()
        assert all(np.isfinite(a).all() for a in server.snapshot().optimizer_state.values())

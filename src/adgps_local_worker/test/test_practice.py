"""The loop asks for the right things in the right order, and loses nothing when it is killed."""

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from point_mass import CONFIGURATION, INSTANCES, TASK, global_policy
from practice_fakes import FakePeers, FakeRobot, KilledError

from adgps_core.demonstration import Demonstration
from adgps_core.global_policy import GlobalPolicy
from adgps_core.phases import Phase
from adgps_core.tasks import Instance
from adgps_local_worker.initial_policy import follow
from adgps_local_worker.local_state import LocalState, initial_state
from adgps_local_worker.local_update import RETREAT
from adgps_local_worker.peers import Memory
from adgps_local_worker.practice import Practice
from adgps_local_worker.schedule import Mode, Schedule


def _phases(iterations: int, name: str = "badmm+lqr") -> tuple[Phase, ...]:
    return (Phase.parse(f"{name}:{iterations}"),)


A, B = (instance.id for instance in INSTANCES)


def _practice(
    robot: FakeRobot,
    peers: FakePeers,
    schedule: Schedule,
    memories: dict[str, Memory] | None = None,
    log: Callable[[str], None] = print,
) -> Practice:
    return Practice(
        TASK, INSTANCES, CONFIGURATION, schedule, robot, peers, "/toy/local_worker", memories, log
    )


def _run(
    schedule: Schedule, unable: range = range(0)
) -> tuple[list[str], FakeRobot, FakePeers, Practice, list[str]]:
    events: list[str] = []
    said: list[str] = []
    robot, peers = FakeRobot(events, unable), FakePeers(events)
    practice = _practice(robot, peers, schedule, log=said.append)
    practice.run()
    return events, robot, peers, practice, said


def _equal(one: object, other: object) -> bool:
    """Whether two states are the same to the last bit."""
    if is_dataclass(one):
        return type(one) is type(other) and all(
            _equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)
        )
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other)
    return one == other


def test_asynchronously_every_instance_is_sampled_improved_and_published_in_turn() -> None:
    """And training is waited for after each, not for rounds."""
    events, _, peers, _, _ = _run(Schedule(_phases(2), samples=2))

    def turn(instance: str, iteration: int) -> list[str]:
        rollout = [f"reset {instance}", f"rollout {instance}"]
        return [*rollout, *rollout, f"publish {instance} {iteration} 0", "wait 0"]

    assert events == [*turn(A, 1), *turn(B, 1), *turn(A, 2), *turn(B, 2)]
    assert [len(optimized.samples) for optimized in peers.published] == [2] * 4


def test_synchronously_everything_is_sampled_before_local_and_global_steps_alternate() -> None:
    """K rounds for each batch; all instances are published before a round is waited for."""
    events, robot, peers, _, _ = _run(Schedule(_phases(2), samples=2, mode="sync", alternations=3))

    def iteration(number: int) -> list[str]:
        sampling = [x for i in (A, B) for x in [f"reset {i}", f"rollout {i}"] * 2]
        first = 3 * (number - 1)
        rounds = [
            [f"publish {A} {number} {r}", f"publish {B} {number} {r}", f"wait {r + 1}"]
            for r in range(first, first + 3)
        ]
        return [*sampling, *(event for each in rounds for event in each)]

    assert events == [*iteration(1), *iteration(2)]
    of_a = [optimized for optimized in peers.published if optimized.instance.id == A]
    assert all(o.samples == of_a[0].samples for o in of_a[:3])
    assert all(_equal(o.sampling_policy, of_a[0].sampling_policy) for o in of_a[:3])
    assert not _equal(of_a[0].policy, of_a[1].policy)  # another global policy, another step
    assert _equal(robot.policies[4], of_a[2].policy)  # the last round's is rolled out next


def test_what_is_published_is_what_was_sampled_and_learned() -> None:
    """Labels, multipliers and weights are the state's; samples were drawn by sampling_policy."""
    _, robot, peers, _, _ = _run(Schedule(_phases(2), samples=3))
    for optimized, state in zip(peers.published, peers.states, strict=True):
        assert optimized.worker == "/toy/local_worker" and optimized.method == "badmm"
        assert optimized.iteration == state.iteration
        assert optimized.policy is state.policy
        np.testing.assert_array_equal(optimized.multipliers, state.multipliers)
        np.testing.assert_array_equal(optimized.kl_weights, state.kl_weights)
        for sample in optimized.samples:
            again = TASK.roll_out(optimized.instance, optimized.sampling_policy, sample.seed)
            np.testing.assert_array_equal(sample.states, again.states)
    assert len({sample.seed for o in peers.published for sample in o.samples}) == 12
    assert _equal(robot.policies[6], peers.published[0].policy)


def test_under_mdgps_every_iteration_samples_one_global_policy_on_a_new_instance() -> None:
    """With an initial state that the iteration's rollouts share, and noise that they do not."""
    schedule = Schedule(_phases(3, "mdgps+lqr"), samples=3)
    events, robot, peers, practice, _ = _run(schedule)
    assert [o.condition for o in peers.published] == [A, B] * 3
    goals = {tuple(o.instance.parameters) for o in peers.published}
    assert len(goals) == 6 and not goals & {tuple(i.parameters) for i in INSTANCES}
    assert len({o.instance.id for o in peers.published}) == 6
    for index, optimized in enumerate(peers.published):
        assert optimized.method == "mdgps" and not optimized.multipliers.any()
        assert {s.instance.id for s in optimized.samples} == {optimized.instance.id}
        assert len({s.seed for s in optimized.samples}) == 3
        assert len(set(robot.starts[3 * index : 3 * index + 3])) == 1
        for sample in optimized.samples:
            assert sample.policy_version == peers.global_policy().version
    assert len(set(robot.starts)) == 6
    assert all(policy.version.counter == 1 for policy in robot.policies)  # type: ignore[union-attr]
    assert set(practice.progress.costs) == {A, B}
    assert events.count("wait 0") == 6


def test_badmm_follows_no_policy_that_was_never_trained() -> None:
    """Multipliers and penalties wait for the first gradient; plain LQR does not."""

    class Untrained(FakePeers):
        def global_policy(self) -> GlobalPolicy:
            return global_policy(0, version=0)

    events: list[str] = []
    peers = Untrained(events)
    _practice(FakeRobot(events), peers, Schedule(_phases(2), samples=3)).run()
    assert all(not o.multipliers.any() for o in peers.published)
    assert all(state.linearized is None for state in peers.states)


def test_badmm_follows_no_policy_that_was_never_trained_on_the_instance() -> None:
    """How far it is off where it learned of others alone says nothing."""
    _, _, peers, _, _ = _run(Schedule(_phases(2), samples=3))
    assert peers.global_policy().version.counter > 0
    assert [(o.condition, o.iteration) for o in peers.published] == [(A, 1), (B, 1), (A, 2), (B, 2)]
    assert [o.multipliers.any() for o in peers.published] == [False, False, True, True]
    assert [state.linearized is None for state in peers.states] == [True, True, False, False]


def test_a_robot_without_the_version_asked_for_is_asked_for_the_newest() -> None:
    """At once: to ask for the same one again would be to wait for ever."""
    events: list[str] = []
    said: list[str] = []
    robot, peers = FakeRobot(events, gone=range(1, 3)), FakePeers(events)
    schedule = Schedule(_phases(1, "mdgps+lqr"), samples=3)
    _practice(robot, peers, schedule, log=said.append).run()
    assert [len(o.samples) for o in peers.published] == [3, 3]
    assert sum("no such version" in line for line in said) == 2


def test_who_cannot_run_the_global_policy_practises_without_it_meanwhile() -> None:
    """An iteration of BADMM's first, on the condition itself; then the global policy again."""
    schedule = Schedule(_phases(2, "mdgps+pi2"), samples=3)
    _, robot, peers, practice, said = _run(schedule, range(12))
    of_a = [o for o in peers.published if o.condition == A]
    assert [o.method for o in of_a] == ["badmm", "mdgps"]
    assert of_a[0].instance.id == A and of_a[1].instance.id != A
    assert not any(isinstance(policy, GlobalPolicy) for policy in robot.policies[12:15])
    assert (of_a[1].kl_weights == CONFIGURATION.kl_weight).all()
    assert not of_a[1].multipliers.any()
    assert practice.progress.failed_rollouts == 12
    assert sum("practising without the global policy" in line for line in said) == 1
    other = [o for o in peers.published if o.condition == B]
    assert [o.method for o in other] == ["mdgps", "mdgps"]


def test_a_schedule_goes_through_its_phases() -> None:
    """BADMM goes on from its own local policies; after MDGPS it begins anew."""
    names = ("badmm+lqr:1", "badmm+pi2:1", "mdgps+pi2:1", "badmm+lqr:2")
    phases = tuple(Phase.parse(name) for name in names)
    _, robot, peers, _, _ = _run(Schedule(phases, samples=3))
    of_a = [o for o in peers.published if o.condition == A]
    assert [o.method for o in of_a] == ["badmm", "badmm", "mdgps", "badmm", "badmm"]
    assert [o.iteration for o in of_a] == [1, 2, 3, 4, 5]
    assert _equal(of_a[1].sampling_policy, of_a[0].policy)
    np.testing.assert_array_equal(of_a[1].policy.K, of_a[0].policy.K)  # PI2 keeps the gains
    assert (of_a[1].policy.k != of_a[0].policy.k).all()
    assert _equal(of_a[3].sampling_policy, of_a[0].sampling_policy)
    assert _equal(of_a[4].sampling_policy, of_a[3].policy)
    assert isinstance(robot.policies[12], GlobalPolicy)


def test_failed_rollouts_are_discarded_counted_and_tried_again() -> None:
    """The batch has its N good rollouts all the same, and the log says what was wrong."""
    events, _, peers, practice, said = _run(Schedule(_phases(1), samples=3), range(1, 3))
    assert events.count(f"failure {A}") == 2 and events.count(f"rollout {A}") == 3
    assert [len(optimized.samples) for optimized in peers.published] == [3, 3]
    assert practice.progress.rollouts == 6
    assert practice.progress.failed_rollouts == 2
    assert said == [f"{A}: rollout discarded: the arm left its limits"] * 2


def test_a_batch_may_be_smaller_when_too_many_rollouts_fail() -> None:
    """Two are enough to learn from; 2 N are tried at most."""
    _, _, peers, practice, said = _run(Schedule(_phases(1), samples=3), range(2, 6))
    assert [len(optimized.samples) for optimized in peers.published] == [2, 3]
    assert practice.progress.failed_rollouts == 4
    assert not any("stepping back" in line for line in said)


def test_a_policy_that_cannot_be_run_is_replaced_by_a_smaller_step() -> None:
    """In the second iteration every rollout fails, once and once more; then it goes on."""
    _, robot, peers, _, said = _run(Schedule(_phases(2), samples=2), range(4, 12))
    assert sum("stepping back" in line for line in said) == 2
    tried = [robot.policies[n] for n in (4, 8, 12)]
    before = peers.published[0].sampling_policy
    distances = [np.abs(policy.k - before.k).mean() for policy in tried]
    assert distances[0] > distances[1] > distances[2] > 0
    assert _equal(peers.published[2].sampling_policy, tried[2])
    reached = peers.states[2]
    assert reached.iteration == 2 and reached.batch is not None
    assert peers.states[0].step_multiplier * RETREAT**2 < 0.1 <= reached.step_multiplier


def test_the_first_policy_is_tried_until_the_robot_can() -> None:
    """There is nothing to step back to."""
    _, robot, peers, practice, _ = _run(Schedule(_phases(1), samples=2), range(9))
    assert practice.progress.failed_rollouts == 9
    assert all(_equal(policy, robot.policies[0]) for policy in robot.policies[:11])
    assert len(peers.published) == 2


def test_a_robot_that_is_not_ready_is_waited_for() -> None:
    """However long it takes, nothing is stepped back from, and what is learned is the same."""
    events: list[str] = []
    said: list[str] = []
    robot, peers = FakeRobot(events, away=range(5, 55)), FakePeers(events)
    practice = _practice(robot, peers, Schedule(_phases(2), samples=2), log=said.append)
    practice.run()
    assert said == [f"{A}: rollout discarded: the e-stop is pressed"] * 50
    assert practice.progress.failed_rollouts == 50
    _, _, undisturbed, _, _ = _run(Schedule(_phases(2), samples=2))
    for one, other in zip(peers.states, undisturbed.states, strict=True):
        assert _equal(one, other)


def test_progress_says_how_far_practice_has_come() -> None:
    """Iterations, costs and distances of every instance are those of its newest batch."""
    _, _, peers, practice, _ = _run(Schedule(_phases(2), samples=3))
    progress = practice.progress
    assert progress.finished and progress.activity == "finished"
    assert progress.iterations == {A: 2, B: 2}
    assert progress.rollouts == 12 and progress.failed_rollouts == 0
    for optimized in peers.published[2:]:
        key, goal = optimized.instance.id, optimized.instance.parameters
        costs = [
            TASK.cost(s.states[:-1], s.actions_applied, optimized.instance).sum()
            for s in optimized.samples
        ]
        ends = [np.linalg.norm(s.states[-1, :2] - goal) for s in optimized.samples]
        assert progress.costs[key] == pytest.approx(np.mean(costs))
        assert progress.distances[key] == pytest.approx(np.mean(ends))
    assert progress.cost == pytest.approx(np.mean(list(progress.costs.values())))
    assert progress.distance == pytest.approx(np.mean(list(progress.distances.values())))
    assert progress.ended is not None
    assert {name: tally.count for name, tally in progress.times.items()} == {
        "reset": 12,
        "rollout": 12,
        "fit": 4,
        "improve": 4,
        "wait": 4,
    }
    practised = 12 * progress.times["rollout"].mean
    assert 0 < practised < progress.ended - progress.started
    assert progress.utilization == pytest.approx(practised / (progress.ended - progress.started))


def test_progress_before_anything_was_done() -> None:
    """No cost is not a cost of zero."""
    events: list[str] = []
    schedule = Schedule(_phases(1))
    progress = _practice(FakeRobot(events), FakePeers(events), schedule).progress
    assert math.isnan(progress.cost) and math.isnan(progress.distance)
    assert progress.iterations == {A: 0, B: 0} and not progress.finished


def _final_states(
    folder: Path, schedule: Schedule, kill_after: int
) -> tuple[dict[str, LocalState], int]:
    """Practise to the end, killed after each `kill_after` events of the peers and begun again.

    Returns the last state published of every instance, and how often it was killed.
    """
    folder.mkdir()
    kills, rounds, states = 0, 0, {}
    while True:
        events: list[str] = []
        heard = iter(range(1, 10_000))

        def killed(event: str, heard: object = heard) -> None:
            if next(heard) == kill_after:  # type: ignore[call-overload]
                raise KilledError(event)

        peers = FakePeers(events, folder, rounds, killed)
        memories = {k: m for i in INSTANCES for k, m in peers.recall(i).items()}
        practice = _practice(FakeRobot(events), peers, schedule, memories)
        try:
            practice.run()
        except KilledError:
            kills += 1
        rounds = peers.rounds
        states |= {o.condition: s for o, s in zip(peers.published, peers.states, strict=True)}
        if practice.progress.finished:
            return states, kills


def _shown(like: Instance) -> Demonstration:
    """A demonstration whose torques tell the goals apart."""
    angles = np.linspace(TASK.start_joint_angles, like.parameters, TASK.horizon + 1)
    feedforward = np.tile(like.parameters, (TASK.horizon, 1))
    return Demonstration(like, angles, np.zeros_like(angles), feedforward)


def test_local_policies_begin_with_the_demonstration_nearest_to_their_instance() -> None:
    """At first, and again after a phase whose local policies lived for an iteration only."""
    shown = {i.id: _shown(replace(i, parameters=i.parameters + 0.1)) for i in INSTANCES}
    configuration = replace(
        CONFIGURATION,
        demonstration_stiffness=(3.0, 2.0),
        demonstration_damping=(0.3, 0.2),
        demonstration_noise=(0.1, 0.2),
    )
    phases = tuple(Phase.parse(f"{name}:1") for name in ("badmm+lqr", "mdgps+lqr", "badmm+pi2"))
    events: list[str] = []
    robot = FakeRobot(events)
    Practice(
        TASK,
        INSTANCES,
        configuration,
        Schedule(phases, samples=2),
        robot,
        FakePeers(events),
        "/toy/local_worker",
        demonstrations=tuple(shown.values())[::-1],
    ).run()
    followed = {
        key: follow(
            each, TASK.dim_x, np.array([3.0, 2]), np.array([0.3, 0.2]), np.array([0.1, 0.2])
        )
        for key, each in shown.items()
    }
    for first in (0, 8):  # rollouts 4 to 7 were the global policy's
        assert _equal(robot.policies[first], followed[A])
        assert _equal(robot.policies[first + 2], followed[B])
    assert all(isinstance(policy, GlobalPolicy) for policy in robot.policies[4:8])


def test_without_demonstrations_local_policies_begin_as_they_did() -> None:
    """With the hold at the start pose."""
    _, robot, _, _, _ = _run(Schedule(_phases(1), samples=2))
    assert _equal(robot.policies[0], initial_state(TASK, CONFIGURATION).policy)


@pytest.mark.parametrize("mode", ["async", "sync"])
@pytest.mark.parametrize("names", [("badmm+lqr:2",), ("badmm+pi2:1", "mdgps+lqr:1")])
def test_practice_that_was_killed_ends_as_if_it_had_not_been(
    mode: Mode, names: tuple[str, ...], tmp_path: Path
) -> None:
    """From checkpoints, bit for bit, wherever it is killed: after publishing, or while waiting."""
    phases = tuple(Phase.parse(name) for name in names)
    schedule = Schedule(phases, samples=2, mode=mode, alternations=2)
    whole, kills = _final_states(tmp_path / "whole", schedule, kill_after=10_000)
    assert kills == 0 and {s.iteration for s in whole.values()} == {2}
    for kill_after in (2, 3, 4, 5):
        resumed, kills = _final_states(tmp_path / str(kill_after), schedule, kill_after)
        assert kills > 0
        assert resumed.keys() == whole.keys()
        assert all(_equal(resumed[key], whole[key]) for key in whole)


def test_a_finished_practice_has_nothing_left_to_do(tmp_path: Path) -> None:
    """Resumed after its last iteration, it moves no robot."""
    schedule = Schedule(_phases(1), samples=2)
    _final_states(tmp_path / "run", schedule, kill_after=10_000)
    events: list[str] = []
    peers = FakePeers(events, tmp_path / "run")
    memories = {k: m for i in INSTANCES for k, m in peers.recall(i).items()}
    practice = _practice(FakeRobot(events), peers, schedule, memories)
    assert practice.progress.iterations == {A: 1, B: 1}
    practice.run()
    assert practice.progress.finished and events == []


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"phases": ()}, "phase"),
        ({"alternations": 0}, "alternations"),
        ({"samples": 1}, "samples"),
        ({"mode": "both"}, "both"),
    ],
)
def test_schedules_that_cannot_be_are_refused(parameters: dict[str, object], reason: str) -> None:
    """Naming what is wrong."""
    with pytest.raises(ValueError, match=reason):
        Schedule(**{"phases": _phases(1), **parameters})  # type: ignore[arg-type]

"""The trainer steps, repeats, rebases and stops as it should; the server here is a few lines."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from synthetic import INSTANCES, TASK, make_optimized

from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_global_worker.exchange import Push, Reply, ReplyCode
from adgps_global_worker.rate_limiter import StepsPerRollout, StepsPerRound
from adgps_global_worker.replay_memory import RefusedTrajectoriesError, ReplayMemory
from adgps_global_worker.trainer import Trainer, TrainerSettings


def _policy(epoch: int = 1, counter: int = 0) -> GlobalPolicy:
    architecture = Architecture(TASK.dim_o, TASK.dim_u, (32,))
    values = initial_values(architecture, np.random.default_rng(0))
    return GlobalPolicy(
        architecture, *TASK.observation_scaling, values, PolicyVersion(epoch, counter)
    )


@dataclass
class _Server:
    """Adam on the newest policy; answers can be told to fail."""

    policy: GlobalPolicy = field(default_factory=_policy)
    answers: list[object] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = torch.from_numpy(self.policy.values.copy())
        self.optimizer = torch.optim.Adam([self.values], lr=1e-2)

    def __call__(self, push: Push) -> Reply | None:
        self.pushes.append(push)
        answer = self.answers.pop(0) if self.answers else "apply"
        if answer == "silence":
            return None
        if isinstance(answer, ReplyCode):
            return self._reply(answer, push, "because", 3)
        if not len(push.gradient):
            return self._reply(ReplyCode.PULL_ONLY, push)
        self.values.grad = torch.from_numpy(push.gradient.copy())
        self.optimizer.step()
        version = replace(self.policy.version, counter=self.policy.version.counter + 1)
        self.policy = replace(self.policy, values=self.values.numpy(), version=version)
        return self._reply(ReplyCode.APPLIED, push)

    def _reply(self, code: ReplyCode, push: Push, reason: str = "", staleness: int = 0) -> Reply:
        policy = self.policy if push.want_policy else None
        return Reply(code, reason, staleness, self.policy.version, policy)


def _trainer(server: _Server, maximum: float = 10.0) -> tuple[Trainer, list[str]]:
    log: list[str] = []
    memory = ReplayMemory(TASK, 20, 100)
    limiter = StepsPerRollout(0.0, maximum, now=lambda: 0.0)  # nothing is spread over time
    settings = TrainerSettings(batch_size=64)
    rng = np.random.default_rng(0)
    return Trainer(memory, limiter, settings, server, rng, log.append), log


def _run(trainer: Trainer, limit: int = 10_000) -> int:
    """Advance until there is nothing to do."""
    steps = 0
    while trainer.advance() and steps < limit:
        steps += 1
    return steps


def test_training_brings_the_loss_down_and_stops_at_the_bound() -> None:
    """Several instances are learned at once, with exactly the steps that rollouts allow."""
    server = _Server()
    trainer, log = _trainer(server, maximum=50.0)
    for index in range(2):
        assert trainer.receive(make_optimized(index), history=False) == 3
    _run(trainer)
    losses = [push.loss for push in server.pushes if len(push.gradient)]
    assert trainer.limiter.steps == len(losses) == server.policy.version.counter == 300
    assert np.mean(losses[-20:]) < 0.2 * np.mean(losses[:20])
    assert trainer.progress.effective_sample_size == pytest.approx(3)
    assert trainer.progress.version == server.policy.version
    assert log == []


def test_without_rollouts_only_the_policy_is_fetched() -> None:
    """Nothing is trained on nothing, and a waiting worker does not poll the server."""
    server = _Server()
    trainer, _ = _trainer(server)
    assert _run(trainer) == 1
    assert _run(trainer) == 0
    assert len(server.pushes) == 1 and not len(server.pushes[0].gradient)


def test_a_worker_at_rest_follows_the_others() -> None:
    """It hears the version, without the policy, and steps when it has fallen behind."""
    server = _Server()
    trainer, _ = _trainer(server, maximum=2.0)
    trainer.limiter = StepsPerRollout(0.0, 2.0, workers=2, now=lambda: 0.0)
    trainer.receive(make_optimized(rollouts=1), history=False)
    _run(trainer)
    assert trainer.limiter.steps == 2 and not trainer.advance()
    assert not server.pushes[-1].want_policy
    server.policy = replace(server.policy, version=PolicyVersion(1, 12))  # the other took 10
    _run(trainer)
    assert trainer.limiter.steps == 4 and server.policy.version.counter == 14  # a batch ahead


def test_a_worker_at_rest_asks_no_more_often_than_it_steps() -> None:
    """Else many workers would keep the server busy with nothing but questions."""
    server, time = _Server(), 0.0
    trainer, _ = _trainer(server)
    trainer.limiter = StepsPerRollout(0.0, 2.0, workers=2, now=lambda: time)
    time = 1e4
    trainer.receive(make_optimized(rollouts=1), history=False)
    assert trainer.limiter.pace == 5e3
    _run(trainer)
    asked = len(server.pushes)
    assert not any(trainer.advance() for _ in range(100))
    assert len(server.pushes) == asked


def test_after_a_pause_the_newest_policy_is_fetched_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have gone on meanwhile; a gradient at the old version would be stale for nothing."""
    server = _Server()
    trainer, _ = _trainer(server)
    _run(trainer)
    server.policy = _policy(counter=500)
    monkeypatch.setattr("adgps_global_worker.trainer._FRESH_S", 0.0)
    trainer.receive(make_optimized(), history=False)
    trainer.advance()
    assert not len(server.pushes[-1].gradient)
    assert server.pushes[-1].version == PolicyVersion(1, 0)  # what the server may have lost
    monkeypatch.setattr("adgps_global_worker.trainer._FRESH_S", 1e9)
    trainer.advance()
    assert server.pushes[-1].version.counter == 500


def test_an_unanswered_push_is_repeated_as_it_is() -> None:
    """The same gradient under the same sequence, and counted once when found to be applied."""
    server = _Server()
    trainer, _ = _trainer(server, maximum=1.0)
    trainer.receive(make_optimized(rollouts=1), history=False)
    assert trainer.advance()  # fetches
    server.answers = ["silence", "silence", ReplyCode.DUPLICATE]
    assert [trainer.advance() for _ in range(4)] == [False, False, True, False]
    gradients = [push for push in server.pushes if len(push.gradient)]
    assert [push.sequence for push in gradients] == [1, 1, 1]
    assert gradients[0] is gradients[1] is gradients[2]
    assert trainer.limiter.steps == 1 and trainer.progress.repeated == 2


@pytest.mark.parametrize(
    "code", [ReplyCode.TOO_STALE, ReplyCode.NOT_FINITE, ReplyCode.OUT_OF_ORDER]
)
def test_a_refused_push_is_counted_and_dropped(code: ReplyCode) -> None:
    """It is no step, its reason is logged, and the next gradient has the next sequence."""
    server = _Server()
    trainer, log = _trainer(server)
    trainer.receive(make_optimized(), history=False)
    trainer.advance()
    server.answers = [code]
    trainer.advance()
    assert trainer.limiter.steps == 0
    assert trainer.progress.refused == {code.name.lower(): 1}
    assert code.name in log[0] and "because" in log[0]
    trainer.advance()
    assert trainer.limiter.steps == 1 and server.pushes[-1].sequence == 2


def test_another_epoch_is_met_by_rebasing() -> None:
    """The worker goes on from the server's policy and says so."""
    server = _Server()
    trainer, log = _trainer(server)
    trainer.receive(make_optimized(), history=False)
    while server.policy.version.counter < 10:
        trainer.advance()
    server.policy = _policy(epoch=2, counter=4)
    server.answers = [ReplyCode.OTHER_EPOCH]
    trainer.advance()
    assert trainer.progress.rebased == 1
    assert any("another epoch" in line for line in log)
    trainer.advance()
    assert server.pushes[-1].version == PolicyVersion(2, 4)
    assert server.policy.version == PolicyVersion(2, 5)


def test_a_gradient_that_is_not_finite_is_never_sent() -> None:
    """Labels that overflow float32 give a NaN, which stays here, is counted and logged."""
    server = _Server()
    trainer, log = _trainer(server)
    optimized = make_optimized()
    trainer.receive(replace(optimized, kl_weights=np.full(100, 1e39)), history=False)
    for _ in range(4):
        trainer.advance()
    assert not any(len(push.gradient) for push in server.pushes)
    assert trainer.progress.not_finite >= 1 and "not finite" in log[0]
    trainer.receive(replace(optimized, round=1), history=False)
    _run(trainer)
    assert trainer.limiter.steps == 30


def test_rounds_are_trained_in_full() -> None:
    """Synchronously, each round takes its steps once all instances have published it."""
    server = _Server()
    trainer, _ = _trainer(server)
    trainer.limiter = StepsPerRound(7, [INSTANCES[0].id, INSTANCES[1].id])
    for current in range(2):
        trainer.receive(make_optimized(0, current_round=current), history=False)
        _run(trainer)
        assert trainer.limiter.steps == 7 * current
        trainer.receive(make_optimized(1, current_round=current), history=False)
        _run(trainer)
        assert (trainer.limiter.steps, trainer.limiter.round) == (7 * (current + 1), current + 1)
    assert trainer.limiter.rollouts == 6


def test_a_server_of_another_task_and_refused_trajectories_are_named() -> None:
    """Neither is learned with."""
    server = _Server()
    server.policy = GlobalPolicy(
        Architecture(3, 2, (4,)),
        np.zeros(3),
        np.ones(3),
        np.zeros(Architecture(3, 2, (4,)).size, np.float32),
        PolicyVersion(1, 0),
    )
    trainer, _ = _trainer(server)
    with pytest.raises(ValueError, match="3 numbers to 2"):
        trainer.advance()
    optimized = make_optimized()
    with pytest.raises(RefusedTrajectoriesError):
        trainer.receive(
            replace(optimized, instance=replace(optimized.instance, task="dance"), samples=()),
            history=False,
        )


@pytest.mark.parametrize("name", ["batch_size", "weight_bound", "max_gradient_norm"])
def test_settings_out_of_range_are_named(name: str) -> None:
    """The message names the setting."""
    with pytest.raises(ValueError, match=name):
        TrainerSettings(**{name: 0})

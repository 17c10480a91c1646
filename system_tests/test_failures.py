"""Every kind of process is killed in the middle of training; training goes on and loses little."""

import os
import random
import re
import signal
import time
from collections.abc import Callable

import pytest
from run_listener import RunListener
from stack_process import (
    INSTANCES,
    SAMPLES,
    STEPS_PER_ROLLOUT,
    TINY,
    TrainProcess,
    wait_for,
)

from adgps_local_worker.checkpoint import load_state

Train = Callable[..., TrainProcess]
ITERATIONS = 7
LAST_KILL = 2.2
"""Iterations after which nobody is killed any more: what a kill is checked for takes some too."""
CHECKPOINT_WINDOW = 5.0
GLOBAL_WORKERS = ("/robot_1/global_worker", "/robot_2/global_worker")
SERVER = "/param_server"


def counter(version: str, epoch: int) -> int:
    """Counter of a version, which must be of an epoch."""
    found, _, count = version.partition(".")
    assert int(found) == epoch, version
    return int(count)


def progress(listener: RunListener) -> float:
    """Iterations done, mean over both robots; zero before both were heard."""
    heard = [listener.reports(f"/robot_{i}/local_worker") for i in (1, 2)]
    return sum(float(reports[-1]["iteration"]) for reports in heard if reports) / 2


def kill(process: TrainProcess, listener: RunListener, name: str) -> float:
    """Kill a process and wait until its successor is heard; when it was killed."""
    (pid,) = process.starts(name)
    unfinished = [listener.reports(f"/robot_{i}/local_worker")[-1] for i in (1, 2)]
    assert any(report["finished"] == "false" for report in unfinished), "it came too late"
    process.note_segments()
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    wait_for(lambda: len(process.starts(name)) == 2, f"the restart of {name}", 30.0)
    node = name.replace("simulated_robot", "torque_controller")
    started = time.monotonic()
    wait_for(lambda: listener.reports(f"/{node}", since=started), f"word of {name}", 60.0)
    if name == "param_server":
        # One whose robot had finished before has nothing left to push, and need not come back.
        wait_for(
            lambda: any(
                report["policy_version"].startswith("2.")
                for worker in GLOBAL_WORKERS
                for report in listener.reports(worker, since=started)
            ),
            "a global worker in the new epoch",
            60.0,
        )
    return killed


@pytest.mark.timeout(400)  # for a busy machine; it takes about 40 s on two cores
def test_each_kind_is_killed_at_a_random_time(train: Train) -> None:
    """The run ends well, with all its iterations, and no update is lost or doubled unseen."""
    seed = int(os.environ.get("ADGPS_TEST_SEED", random.SystemRandom().randrange(2**31)))
    print(f"to repeat it: ADGPS_TEST_SEED={seed}")
    rng = random.Random(seed)
    victims = ["param_server"]
    victims += [
        f"robot_{rng.randint(1, 2)}/{kind}"
        for kind in ("global_worker", "local_worker", "simulated_robot")
    ]
    rng.shuffle(victims)
    moments = sorted(rng.uniform(0.3, LAST_KILL) for _ in victims)
    print(list(zip(victims, moments, strict=True)))

    process = train("--robots", 2, "--iterations", ITERATIONS, parameters=TINY)
    listener = RunListener(process.domain_id, GLOBAL_WORKERS)
    with listener:
        for victim, moment in zip(victims, moments, strict=True):
            wait_for(lambda m=moment: progress(listener) >= m, f"{moment} iterations")
            killed = kill(process, listener, victim)
            if victim == "param_server":
                check_window(process, listener, killed)
        process.await_line("^evaluating policy")
    process.succeed()
    check_updates(process, listener)

    states = sorted((process.run / "checkpoints" / "local_workers").glob("*.safetensors"))
    assert [load_state(path)[0].iteration for path in states] == [ITERATIONS] * len(states)
    summary = process.summary
    assert summary["iterations"] == ITERATIONS
    assert summary["rollouts"] == INSTANCES["training"] * ITERATIONS * SAMPLES
    assert summary["metrics"]["respawns"] == len(victims)
    for victim in victims:
        assert f"[{victim}] was ended by SIGKILL; starting it again" in process.output
    assert process.left_behind == []


def check_window(process: TrainProcess, listener: RunListener, killed: float) -> None:
    """The new server goes on from a version at most five seconds older than the old one's last."""
    log = (process.run / "log" / "param_server.log").read_text()
    match = re.search(r"resumed from version 1\.(\d+) as epoch 2", log)
    assert match, log
    survived = int(match[1])
    for report in listener.reports(SERVER, until=killed):
        assert counter(report["checkpoint_version"], 1) <= survived
    for report in listener.reports(SERVER, until=killed - CHECKPOINT_WINDOW):
        assert counter(report["policy_version"], 1) <= survived


def check_updates(process: TrainProcess, listener: RunListener) -> None:
    """Updates of the policy are those that were acknowledged but for the lost ones, each once.

    What a worker did just before it was killed may not have been heard: at most the steps for a
    batch or two. One push of each worker may be applied without its answer arriving.
    """
    updates = counter(process.summary["policy_version"], 2)
    acknowledged = sum(listener.steps_acknowledged(name) for name in GLOBAL_WORKERS)
    reports = [report for name in GLOBAL_WORKERS for report in listener.reports(name)]
    server = listener.reports(SERVER)[-1]
    lost = int(server["lost_updates"])
    unheard = 2 * SAMPLES * STEPS_PER_ROLLOUT
    print(f"{updates} updates, {acknowledged} acknowledged, {lost} lost")
    assert acknowledged > 0.5 * INSTANCES["training"] * ITERATIONS * SAMPLES * STEPS_PER_ROLLOUT
    assert -len(GLOBAL_WORKERS) <= updates + lost - acknowledged <= unheard
    assert all(int(report["rebased"]) <= 1 for report in reports)
    assert any(int(report["rebased"]) == 1 for report in reports)
    assert counter(server["policy_version"], 2) == int(server["updates"]) <= updates
    repeated = sum(
        max(int(report["pushes_repeated"]) for report in listener.reports(name))
        for name in GLOBAL_WORKERS
    )
    assert int(server["duplicates"]) <= repeated
    for reason in ("wrong_size", "not_finite", "future_version", "out_of_order"):
        assert server[f"refused_{reason}"] == "0"

"""Gradients reach the parameter server once each, by shared memory or in messages, and quickly."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pushing_workers
import pytest
from pushing_workers import Workers, answer, newest

from adgps_core import shared_block
from adgps_core.global_policy import PolicyVersion
from adgps_global_worker.exchange import Push, ReplyCode

pytestmark = pytest.mark.timeout(300)  # for a busy machine; it takes about 30 s on two cores

RATE = 0.25
WORKERS, PROCESSES, TIMES = 32, 4, 20
EACH = WORKERS // PROCESSES


class Server:
    """The executable `param_server`: plain SGD, with checkpoints in a folder."""

    def __init__(self, folder: Path) -> None:
        settings = {
            "hidden": "[16]",
            "optimizer": "sgd",
            "momentum": 0.0,
            "learning_rate": RATE,
            "checkpoint_dir": folder / "checkpoints",
            "resume": True,
        }
        assignments = [item for pair in settings.items() for item in ("-p", "{}:={}".format(*pair))]
        module = "adgps_param_server.nodes.param_server"
        self._command = [sys.executable, "-m", module, "--ros-args", *assignments]
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start a server, and kill it in the end."""
    made = Server(tmp_path)
    yield made
    made.kill()


def test_thirty_two_workers_at_once_lose_and_double_nothing(server: Server) -> None:
    """Every push moves its own parameter by the rate, also beside workers that are killed."""
    with Workers(["observer"]) as observer:
        (client,) = observer.clients
        before = newest(client)
        processes = [
            pushing_workers.start(EACH * number, EACH, TIMES, inline=number == 0)
            for number in range(PROCESSES)
        ]
        doomed = pushing_workers.start(WORKERS, EACH, 1_000_000, inline=False)
        for process in (*processes, doomed):
            assert process.stdout is not None and process.stdin is not None
            assert process.stdout.readline() == "ready\n"
        for process in (*processes, doomed):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        end = time.monotonic() + 60
        while newest(client).values[WORKERS] > before.values[WORKERS] - 3 * RATE:
            assert time.monotonic() < end
        doomed.send_signal(signal.SIGKILL)
        shared = [int(process.communicate(timeout=120)[0]) for process in processes]
        assert shared == [0] + [EACH] * (PROCESSES - 1)
        doomed.communicate()

        after = newest(client)
        moved = (before.values.astype(np.float64) - after.values) / RATE
        np.testing.assert_allclose(moved[:WORKERS], TIMES, atol=1e-4)
        np.testing.assert_array_equal(moved[WORKERS + EACH :], 0)
        assert after.version.counter == round(moved.sum())


def test_a_server_that_was_killed_is_met_again_in_shared_memory(server: Server) -> None:
    """What was pushed to the old one is refused as of another epoch, and the rest goes on."""
    with Workers(["survivor"]) as workers:
        (client,) = workers.clients
        policy = newest(client)
        ones = np.ones(policy.architecture.size, np.float32)
        for sequence in (1, 2):
            reply = answer(client, Push(sequence, policy.version, ones))
            assert reply.code is ReplyCode.APPLIED
        assert client.shares_memory
        server.kill()
        server.start()
        reply = answer(client, Push(3, reply.version, ones))
        assert reply.code is ReplyCode.OTHER_EPOCH and reply.version == PolicyVersion(2, 0)
        np.testing.assert_array_equal(reply.policy.values, policy.values)
        reply = answer(client, Push(4, reply.version, ones))
        assert reply.code is ReplyCode.APPLIED and client.shares_memory
        np.testing.assert_allclose(reply.policy.values, policy.values - RATE, rtol=1e-6)


@pytest.mark.parametrize("inline", [False, True])
def test_the_last_of_a_thousand_calls_is_as_quick_as_the_first(
    server: Server, monkeypatch: pytest.MonkeyPatch, inline: bool
) -> None:
    """The quick ones of a hundred calls are compared, those of the best of five hundreds each.

    Calls that have become slow stay slow; a machine that is busy for a moment does not.
    """
    if inline:
        monkeypatch.setattr(shared_block, "host_id", lambda: "0" * 16)
    with Workers(["caller"]) as workers:
        (client,) = workers.clients
        policy = newest(client)
        gradient = np.zeros(policy.architecture.size, np.float32)
        durations, version = [], policy.version
        for sequence in range(1, 1551):
            start = time.perf_counter()
            reply = answer(client, Push(sequence, version, gradient))
            durations.append(time.perf_counter() - start)
            version = reply.version
        assert client.shares_memory is not inline
        hundreds = np.quantile(np.reshape(durations[50:], (15, 100)), 0.2, axis=1)
        first, last = hundreds[:5].min(), hundreds[-5:].min()
        assert last < 1.5 * first, hundreds

"""A parameter server on one host and two arms on another, with a slow wire that loses frames."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from real_lab import SETTINGS, drivers, robots
from stack_process import SAMPLES, STEPS_PER_ROLLOUT, StackProcess, wait_for, write_parameters
from two_hosts import DELAY, LOSS, TwoHosts, why_not

from adgps_bringup.real_robots import write_robots
from adgps_bringup.resources import launch_folder

ROBOTS = ("/robot_71", "/robot_72")
PRACTISED = ("training/0", "training/1")
PLACE = "lab"
ITERATIONS = 2
VARIABLES = {
    "ROS_DOMAIN_ID": "7",
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
    "FASTRTPS_DEFAULT_PROFILES_FILE": str(launch_folder() / "config" / "fastdds.xml"),
}
"""As docs/real_arms.md says it of several machines, and the profile that goes with it."""

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(bool(why_not()), reason=f"no two hosts here: {why_not()}"),
]


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    with TwoHosts() as hosts:
        yield hosts


@pytest.fixture
def arms(hosts: TwoHosts) -> Iterator[None]:
    """Two drivers on the second host."""
    with drivers(hosts.second.inside, VARIABLES):
        yield


def round_trip(hosts: TwoHosts) -> float:
    """Shortest of some round trips of a datagram [s]."""
    echo = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.bind(('10.77.0.1', 9)); print(flush=True)\n"
        "while True: s.sendto(*s.recvfrom(99))"
    )
    ask = (
        "import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.settimeout(1.0); best = 9.0\n"
        "for _ in range(10):\n"
        "    begun = time.monotonic(); s.sendto(b'?', ('10.77.0.1', 9))\n"
        "    try: s.recv(99)\n"
        "    except TimeoutError: continue\n"
        "    best = min(best, time.monotonic() - begun)\n"
        "print(best)"
    )
    program = [sys.executable, "-c"]
    with subprocess.Popen(
        [*hosts.first.inside, *program, echo], stdout=subprocess.PIPE
    ) as answering:
        assert answering.stdout is not None
        answering.stdout.readline()
        asked = subprocess.run([*hosts.second.inside, *program, ask], capture_output=True)
        answering.kill()
    return float(asked.stdout)


def test_arms_learn_from_a_server_that_is_far_away(
    hosts: TwoHosts, arms: None, command: Any, tmp_path: Path
) -> None:
    """Every gradient arrives once, in messages; the policy comes back and is evaluated."""
    assert 2 * DELAY <= round_trip(hosts) < 2 * DELAY + 0.1

    file = tmp_path / "robots.yaml"
    write_robots(robots(ROBOTS, host=PLACE), file)
    config = write_parameters(tmp_path / "tiny.yaml", SETTINGS)
    train = (
        *("train", "reach", "--robots-file", file, "--config", config),
        *("--iterations", ITERATIONS, "--instance", *PRACTISED),
    )

    def on(host: Any, *arguments: object) -> StackProcess:
        process: StackProcess = command(*arguments, inside=host.inside, variables=VARIABLES)
        return process

    there = tmp_path / "there"
    server = on(hosts.first, *train, "--run", tmp_path / "here", "--role", "server")
    robots_part = on(
        hosts.second, *train, "--run", there, "--role", "robot,workers", "--host", PLACE
    )
    while on(hosts.second, "robot", "arm", *ROBOTS).wait():
        for part in (server, robots_part):
            assert part.process.poll() is None, f"{part.output}{part.errors}"
    assert server.wait(240.0) == 0, f"{server.output}{server.errors}{robots_part.output}"
    for pid in robots_part.pids:  # as Ctrl-C in a terminal does
        os.kill(pid, signal.SIGINT)
    wait_for(lambda: not robots_part.pids, "the end of the robots' part", 60.0)

    summary = json.loads((tmp_path / "here" / "summary.json").read_text())
    assert summary["rollouts"] == len(PRACTISED) * ITERATIONS * SAMPLES
    nodes = json.loads((tmp_path / "here" / "diagnostics.json").read_text())["nodes"]
    assert int(nodes["param_server"]["workers_in_shared_memory"]) == 0
    # A push whose answer was lost is repeated, and counts once; the last may still be on its way.
    steps = STEPS_PER_ROLLOUT * summary["rollouts"]
    assert 0.7 * steps < int(summary["policy_version"].partition(".")[2]) <= steps
    assert hosts.carried > 1000
    assert 0 < hosts.lost < 5 * LOSS * hosts.carried

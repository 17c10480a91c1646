"""Gradient out and parameters back between two processes, beside what one would pick instead.

    ./adgps bench param_server [--rounds 3] [--sizes 40 400 4000] [--only NAME ...]

Every way sends a gradient to a server in another process, which applies w -= rate * g, and brings
the new parameters back; that it did is checked. Rounds are interleaved: in each, every way makes
its calls after the other, while the processes of the rest are stopped (SIGSTOP): some are never
idle. Printed are the medians over rounds of a round's median call, and of its
ratio to gloo in the same round; and the shortest call of all.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
from exchanges.common import RATE, Exchange

WAYS = {
    "gloo": "gloo send/recv",
    "adgps_shared": "ADGPS on one host",
    "adgps_inline": "ADGPS across hosts",
    "zeromq": "pyzmq REQ/REP",
    "ray_actor": "Ray actor",
    "naive_rclpy": "rclpy, naive",
}
WARM_UP = 3
"""Calls in each round that are not counted."""
NAIVE_UNSETS = (
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
)


def connect(way: str, size: int, folder: Path) -> Exchange:
    """Start a way's server and return the way to it."""
    if way.startswith("adgps"):
        return importlib.import_module("exchanges.adgps").connect(
            size, inline=way == "adgps_inline"
        )
    return importlib.import_module(f"exchanges.{way}").connect(size, folder)


def client(way: str, size: int, folder: Path) -> None:
    """Read numbers of calls, a line each, and answer with the calls' durations [s] as JSON."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print on standard output too
    try:
        exchange = connect(way, size, folder)
    except ImportError as error:
        sys.exit(f"{way}: {error}")
    first = exchange(np.zeros(size, np.float32)).copy()
    gradient, calls = np.ones(size, np.float32), 0
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        durations = []
        for _ in range(int(line)):
            start = time.perf_counter()
            values = exchange(gradient)
            durations.append(time.perf_counter() - start)
        calls += len(durations)
        if not np.allclose(values, first - RATE * calls, rtol=0, atol=0.5 * RATE):
            sys.exit(f"{way}: {calls} updates were not applied once each")
        print(json.dumps(durations), file=answers, flush=True)


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for parent in found:
        for path in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, path.read_text().split())
    return found


class Client:
    """A process that runs `client`."""

    def __init__(self, way: str, size: int, folder: Path, domain: int) -> None:
        environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
        if way == "naive_rclpy":
            for name in NAIVE_UNSETS:
                environment.pop(name, None)
        self._way = way
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--client", way, str(size), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        if self._answer() != "ready":
            raise RuntimeError(f"{way} does not begin")

    def call(self, times: int) -> list[float]:
        """Durations of so many calls [s]; the process and its server run only meanwhile."""
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        print(WARM_UP + times, file=self._process.stdin, flush=True)
        durations: list[float] = json.loads(self._answer())
        self._signal(signal.SIGSTOP)
        return durations[WARM_UP:]

    def close(self) -> None:
        """End the process and its server."""
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _signal(self, number: int) -> None:
        for pid in family(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{self._way} ended with status {self._process.wait(10)}")
        return line


@contextmanager
def domains(count: int) -> Iterator[list[int]]:
    """Hold so many ROS domains that nobody uses."""
    from adgps_bringup.domain import free_domain

    with ExitStack() as stack:
        yield [stack.enter_context(free_domain()) for _ in range(count)]


def measure(ways: list[str], size: int, rounds: int, calls: int) -> dict[str, list[np.ndarray]]:
    """Durations of the calls [s] of each round, by way; a way that cannot start is left out."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ids = stack.enter_context(domains(len(ways)))
        clients = {}
        for way, domain in zip(ways, ids, strict=True):
            try:
                clients[way] = Client(way, size, folder, domain)
            except (RuntimeError, OSError) as error:
                print(f"{WAYS[way]} is left out: {error}")
                continue
            stack.callback(clients[way].close)
            clients[way].call(1)  # the first calls touch memory for the first time
        durations: dict[str, list[np.ndarray]] = {way: [] for way in clients}
        for _ in range(rounds):
            for way, made in clients.items():
                few = max(2, calls // 10) if way == "naive_rclpy" else calls
                durations[way].append(np.array(made.call(few)))
        return durations


def main() -> None:
    """Measure every way and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[40, 400, 4000], metavar="K")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY")
    parser.add_argument("--client", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        way, size, folder = options.client
        client(way, int(size), Path(folder))
        return
    from exchanges.adgps import exact_size

    ways = ["gloo", *(way for way in options.only if way != "gloo")]
    print(f"{options.rounds} interleaved rounds, {os.cpu_count()} cores")
    print("| float32 | way | call [ms] | shortest | / gloo | of rounds |")
    print("|---|---|---|---|---|---|")
    for thousands in options.sizes:
        size = exact_size(1000 * thousands)
        calls = int(np.clip(12_000_000 // size, 20, 100))
        found = measure(ways, size, options.rounds, calls)
        gloo = np.array([np.median(each) for each in found["gloo"]])
        for way, durations in found.items():
            medians = np.array([np.median(each) for each in durations])
            ratios = medians / gloo
            spread = f"{ratios.min():.2f} to {ratios.max():.2f}"
            best = 1e3 * np.concatenate(durations).min()
            cells = (
                f"{1e3 * np.median(medians):.2f} | {best:.2f} | {np.median(ratios):.2f} | {spread}"
            )
            print(f"| {size} | {WAYS[way]} | {cells} |", flush=True)


if __name__ == "__main__":
    main()

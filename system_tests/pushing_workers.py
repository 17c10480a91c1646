"""Workers that push all at once, each at a policy parameter of its own; also a process of them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np
import rclpy

from adgps_core import shared_block
from adgps_core.global_policy import GlobalPolicy, PolicyVersion
from adgps_global_worker.exchange import Push, Reply, ReplyCode
from adgps_global_worker.nodes.server_client import ServerClient

PATIENCE = 60.0
DONE = (ReplyCode.APPLIED, ReplyCode.DUPLICATE)


class Workers:
    """Clients of the parameter server in this process, one per name."""

    def __init__(self, names: list[str], log: Callable[[str], None] = lambda _: None) -> None:
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        nodes = [rclpy.create_node(name, context=self._context) for name in names]
        self.clients = [ServerClient(node, 2.0, log) for node in nodes]

    def __enter__(self) -> Workers:
        """Give this."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the graph."""
        for client in self.clients:
            client.close()
            client.destroy()
        rclpy.shutdown(context=self._context)


def answer(client: ServerClient, push: Push) -> Reply:
    """Repeat a push until it is answered, as a global worker does."""
    end = time.monotonic() + PATIENCE
    while (reply := client(push)) is None:
        if time.monotonic() > end:
            raise TimeoutError("the parameter server does not answer")
    return reply


def newest(client: ServerClient) -> GlobalPolicy:
    """Fetch the newest policy."""
    policy = answer(client, Push.fetch(PolicyVersion())).policy
    assert policy is not None
    return policy


def push_ones(client: ServerClient, place: int, times: int) -> None:
    """Push gradients that are 1 at one place and 0 elsewhere."""
    policy = newest(client)
    gradient = np.zeros(policy.architecture.size, np.float32)
    gradient[place] = 1.0
    version = policy.version
    for sequence in range(1, times + 1):
        reply = answer(client, Push(sequence, version, gradient))
        assert reply.code in DONE, reply
        version = reply.version


def start(first: int, count: int, times: int, *, inline: bool) -> subprocess.Popen[str]:
    """Start a process of workers; they begin to push when they have a line of input."""
    arguments = [str(number) for number in (first, count, times, int(inline))]
    return subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def main() -> None:
    """Push with so many workers at once; say how many of them shared memory with the server."""
    first, count, times, inline = map(int, sys.argv[1:])
    if inline:
        shared_block.host_id = lambda: "0" * 16
    places = range(first, first + count)
    with Workers([f"worker_{place}" for place in places]) as workers:
        for client in workers.clients:
            newest(client)
        print("ready", flush=True)
        sys.stdin.readline()
        threads = [
            threading.Thread(target=push_ones, args=(client, place, times))
            for client, place in zip(workers.clients, places, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shared = sum(client.shares_memory for client in workers.clients)
    print(shared, flush=True)


if __name__ == "__main__":
    main()

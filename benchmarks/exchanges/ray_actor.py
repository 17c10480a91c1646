"""A Ray actor: arrays travel through Ray's object store, in shared memory."""

from __future__ import annotations

from pathlib import Path

import ray

from exchanges.common import Array32, Exchange, Parameters

STORE_BYTES = 512 * 2**20


def connect(size: int, _: Path) -> Exchange:
    """Start a server and return the way to it."""
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        object_store_memory=STORE_BYTES,
    )
    server = _Server.remote(size)

    def exchange(gradient: Array32) -> Array32:
        return ray.get(server.push.remote(gradient))

    return exchange


@ray.remote
class _Server:
    def __init__(self, size: int) -> None:
        self._parameters = Parameters(size)

    def push(self, gradient: Array32) -> Array32:
        """Apply a gradient and return the parameters."""
        self._parameters.apply(gradient.copy())  # torch takes no read-only arrays
        return self._parameters.values

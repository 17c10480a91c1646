"""Arrays of workers on the server's own host: read from, and answered in, the worker's memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from adgps_core.shared_block import OWNER, PEER, Descriptor, PeerBlocks, SharedBlockError
from adgps_core.typing import Array32


class WorkerMemory:
    """The server's end of all workers' shared memory."""

    def __init__(self) -> None:
        self._blocks = PeerBlocks()

    @property
    def workers(self) -> int:
        """How many workers' memory is open."""
        return len(self._blocks)

    def gradient(self, descriptor: str) -> tuple[Array32, Callable[[], None]] | None:
        """Find a gradient.

        Parameters
        ----------
        descriptor : what the request says; may be empty.

        Returns
        -------
        The gradient (n,) float32, in the memory itself, and what raises SharedBlockError if it is
        another one by now; None if no gradient is there.

        Raises
        ------
        SharedBlockError
            If it cannot be read.
        """
        if not descriptor:
            return None
        where = Descriptor.parse(descriptor)
        if not where.count:
            return None
        block = self._blocks.get(where.name)
        return block.view(OWNER, where), partial(block.check, OWNER, where)

    def write(self, descriptor: str, values: Array32) -> str:
        """Write policy parameters (P,) where the worker finds them.

        Returns
        -------
        Their descriptor; empty if they must travel in the message.
        """
        try:
            block = self._blocks.get(Descriptor.parse(descriptor).name)
        except SharedBlockError:
            return ""
        return str(block.write(PEER, values)) if block.capacity >= len(values) else ""

    def prune(self) -> None:
        """Give up the memory of workers that are gone."""
        self._blocks.prune()

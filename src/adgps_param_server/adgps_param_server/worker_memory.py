"""Arrays of workers on the server's own host: read from, and answered in, the worker's memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from adgps_core.shared_block import (
    OWNER,
    PEER,
    Descriptor,
    SharedBlock,
    SharedBlockError,
)
from adgps_core.typing import Array32
from adgps_param_server.peer_blocks import PeerBlocks


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

    def room(self, descriptor: str, size: int) -> Room | None:
        """Find where a worker wants the policy parameters (P,), if this server can write there."""
        try:
            block = self._blocks.get(Descriptor.parse(descriptor).name) if descriptor else None
        except SharedBlockError:
            return None
        return Room(block, size) if block is not None and block.capacity >= size else None

    def prune(self) -> None:
        """Give up the memory of workers that are gone."""
        self._blocks.prune()


class Room:
    """Where one worker wants its answer.

    Parameters
    ----------
    block : the worker's memory.
    size : number of policy parameters P.
    """

    def __init__(self, block: SharedBlock, size: int) -> None:
        self._block = block
        self._size = size
        self._begun: Array32 | None = None

    def begin(self) -> Array32:
        """Return the memory (P,) to compute an answer in."""
        self._begun = self._block.begin(PEER, self._size)
        return self._begun

    def finish(self, values: Array32) -> str:
        """Answer with policy parameters, copied unless they were computed here; the descriptor."""
        memory = self.begin() if self._begun is None else self._begun
        if not np.may_share_memory(values, memory):
            memory[:] = values
        return str(self._block.end(PEER, self._size))

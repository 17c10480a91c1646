"""Arrays of workers on the server's own host: read from, and answered in, the worker's memory."""

from __future__ import annotations

import numpy as np

from adgps_core.shared_block import OWNER, PEER, Descriptor, PeerBlocks, SharedBlockError
from adgps_core.typing import Array32


class WorkerMemory:
    """The server's end of all workers' shared memory.

    Parameters
    ----------
    size : number of policy parameters P.
    """

    def __init__(self, size: int) -> None:
        self._gradient = np.zeros(size, np.float32)
        self._blocks = PeerBlocks()

    @property
    def workers(self) -> int:
        """How many workers' memory is open."""
        return len(self._blocks)

    def read(self, descriptor: str) -> Array32:
        """Read a gradient.

        Parameters
        ----------
        descriptor : what the request says; may be empty.

        Returns
        -------
        (P,) float32, or of another length if it was sent so; empty if no gradient is there. It is
        overwritten by the next one.

        Raises
        ------
        SharedBlockError
            If it cannot be read, or changed while it was.
        """
        if not descriptor:
            return self._gradient[:0]
        where = Descriptor.parse(descriptor)
        if not where.count:
            return self._gradient[:0]
        block = self._blocks.get(where.name)
        out = self._gradient
        if where.count != len(out):
            out = np.zeros(min(where.count, block.capacity), np.float32)
        block.read(OWNER, where, out)
        return out

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

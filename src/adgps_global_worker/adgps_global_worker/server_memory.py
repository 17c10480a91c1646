"""Gradients and policy parameters in memory that the server shares, if it is on the same host.

Nothing is configured: every request offers the memory, and a server that can open it answers there.
From then on gradients go that way too, until the server says that it cannot read one.
"""

from __future__ import annotations

from collections.abc import Callable

from adgps_core.shared_block import OWNER, PEER, Descriptor, SharedBlock, SharedBlockError
from adgps_core.typing import Array32
from adgps_global_worker.exchange import Push


class ServerMemory:
    """The worker's end of the shared memory.

    Parameters
    ----------
    log : called with one sentence for what the operator should know.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._block: SharedBlock | None = None
        self._failed_size = 0
        self._written: tuple[int, Descriptor] | None = None
        self._taken: Descriptor | None = None
        self.shared = False

    def send(self, push: Push) -> tuple[Array32, str]:
        """Decide how a push travels.

        Returns
        -------
        The gradient that the message must carry, and a descriptor, empty if there is no memory. The
        gradient of a push that is sent again is not written again: the server may be reading it.
        """
        gradient = push.gradient
        if self._block is None:
            return gradient, ""
        if not self.shared or not len(gradient) or len(gradient) > self._block.capacity:
            return gradient, str(Descriptor(self._block.name))
        if self._written is None or self._written[0] != push.sequence:
            self._written = push.sequence, self._block.write(OWNER, gradient)
        return gradient[:0], str(self._written[1])

    def receive(self, descriptor: str, size: int) -> Array32 | None:
        """Take the policy parameters of an answer.

        Parameters
        ----------
        descriptor : what the answer says; empty if the message carries them.
        size : number of policy parameters P.

        Returns
        -------
        (P,) float32, read-only, the memory itself: the answer after the next one overwrites it.
        None if the message carries them.

        Raises
        ------
        SharedBlockError
            If a later answer is being written already.
        """
        self.shared = bool(descriptor)
        self._taken = None
        if not descriptor or self._block is None:
            self._provide(size)
            return None
        taken = Descriptor.parse(descriptor)
        values = self._block.view(PEER, taken).view()
        values.flags.writeable = False
        self._taken = taken
        return values

    def held(self, push: Push) -> str:
        """Why the policy parameters that a new gradient was computed at have not held; or empty.

        An answer to a request that was given up for lost could have overwritten them.
        """
        first = self._written is None or self._written[0] != push.sequence
        if self._block is None or self._taken is None or not len(push.gradient) or not first:
            return ""
        try:
            self._block.check(PEER, self._taken)
        except SharedBlockError as error:
            return str(error)
        return ""

    def refuse(self) -> None:
        """Send gradients in messages until the server has answered in the memory again."""
        self.shared = False
        self._written = None

    def close(self) -> None:
        """Give up the memory."""
        if self._block is not None:
            self._block.close()
            self._block = None

    def _provide(self, size: int) -> None:
        """Make memory for policy parameters, once their number is known."""
        if (self._block is not None and self._block.capacity == size) or size == self._failed_size:
            return
        self.close()
        try:
            self._block = SharedBlock.create(size)
        except OSError as error:
            self._failed_size = size
            self._log(f"no shared memory for {size} policy parameters: {error.strerror}")

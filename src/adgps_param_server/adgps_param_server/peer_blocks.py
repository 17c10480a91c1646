"""The shared memory of many workers, as the server has it open."""

from __future__ import annotations

from adgps_core.shared_block import SharedBlock


class PeerBlocks:
    """The blocks of others that this process has open.

    Parameters
    ----------
    limit : how many are kept open; the one not used for longest is given up first.
    """

    def __init__(self, limit: int = 256) -> None:
        self._limit = limit
        self._open: dict[str, SharedBlock] = {}

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def get(self, name: str) -> SharedBlock:
        """Return a block by its name, opened if need be; SharedBlockError if that cannot be."""
        block = self._open.pop(name, None) or SharedBlock.open(name)
        self._open[name] = block  # last: in order of use
        if len(self._open) > self._limit:
            self._open.pop(next(iter(self._open))).close()
        return block

    def prune(self) -> None:
        """Give up the blocks whose owners are gone."""
        for name in [name for name, block in self._open.items() if not block.has_owner]:
            self._open.pop(name).close()

    def close(self) -> None:
        """Give up all."""
        for block in self._open.values():
            block.close()
        self._open.clear()

"""The blocks that the server has open: as many as it may, of workers that are there."""

from adgps_core.shared_block import SharedBlock
from adgps_param_server.peer_blocks import PeerBlocks


def test_only_so_many_blocks_stay_open() -> None:
    """The one not used for longest goes first."""
    blocks = [SharedBlock.create(10) for _ in range(3)]
    peers = PeerBlocks(limit=2)
    first = peers.get(blocks[0].name)
    second = peers.get(blocks[1].name)
    assert peers.get(blocks[0].name) is first
    peers.get(blocks[2].name)
    assert len(peers) == 2
    assert peers.get(blocks[0].name) is first
    assert peers.get(blocks[1].name) is not second
    peers.close()
    for block in blocks:
        block.close()
        block.close()


def test_blocks_of_workers_that_are_gone_are_given_up() -> None:
    """Those of others stay open."""
    here, gone = SharedBlock.create(10), SharedBlock.create(10)
    peers = PeerBlocks()
    kept = peers.get(here.name)
    peers.get(gone.name)
    peers.prune()
    assert len(peers) == 2
    gone.close()
    peers.prune()
    assert len(peers) == 1 and peers.get(here.name) is kept
    peers.close()
    here.close()

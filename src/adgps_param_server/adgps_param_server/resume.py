"""How a server begins: afresh, or where another one was stopped or killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from adgps_param_server.checkpoints import CheckpointFolder
from adgps_param_server.server import ServerState


def starting_state(
    fresh: ServerState, folder: CheckpointFolder | None, resume: bool, log: Callable[[str], None]
) -> ServerState:
    """State to begin with, in an epoch that no server before had.

    A crash may have undone updates that workers built on, so their gradients must be told from
    those of this server. The epoch is taken from the names of all checkpoints, damaged ones
    included; a server writes its first checkpoint before it serves, so no epoch goes unseen.

    Parameters
    ----------
    fresh : untrained policy and optimiser, as configured.
    folder : where checkpoints are; None if none are written.
    resume : go on from the newest sound checkpoint, if there is one.
    log : called with one sentence for what the operator should know.

    Returns
    -------
    The state, its counter as it was and its settings of the optimiser as configured.

    Raises
    ------
    ValueError
        If the checkpoint is of another network or another kind of optimiser.
    DamagedCheckpointError
        If there are checkpoints, but none is sound.
    """
    if folder is None:
        return fresh.in_epoch(1)
    epoch = folder.newest_epoch + 1
    saved = folder.read_newest(log) if resume else None
    if saved is None:
        return fresh.in_epoch(epoch)
    expected, found = fresh.policy.architecture, saved.policy.architecture
    if expected != found:
        raise ValueError(f"the checkpoint holds {found}, the configuration says {expected}")
    if saved.optimizer.kind != fresh.optimizer.kind:
        raise ValueError(
            f"the checkpoint is of optimizer {saved.optimizer.kind}, "
            f"the configuration says {fresh.optimizer.kind}"
        )
    log(f"resumed from version {saved.policy.version} as epoch {epoch}")
    return replace(saved, optimizer=fresh.optimizer).in_epoch(epoch)

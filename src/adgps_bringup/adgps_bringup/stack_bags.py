"""Who records a stack, and who plays what was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adgps_bringup.bags.selection import ALL_TOPICS, DEFAULT_TOPICS
from adgps_bringup.description import (
    BAG,
    RECORDER,
    NodeDescription,
    Parameter,
)
from adgps_bringup.options import StackOptions

TOPICS_OF = {"trajectories": DEFAULT_TOPICS, "all": ALL_TOPICS}
"""What is recorded of a run, by the choice of `StackOptions.record`."""


def describe_recorders(options: StackOptions) -> tuple[NodeDescription, ...]:
    """Describe the recorder of a run, if there is one."""
    if not options.record:
        return ()
    assert options.run is not None
    return (describe_recorder(options.run / BAG, TOPICS_OF[options.record], options.storage),)


def describe_recorder(
    bag: Path, topics: str, storage: str, renamed: Mapping[str, str] | None = None
) -> NodeDescription:
    """Describe a recorder; training goes on without it if it ends for good.

    Parameters
    ----------
    bag : folder of the bag; one that is there is gone on with, in a new file.
    topics : regular expression that whole names of topics have to match.
    storage : "mcap" or "sqlite3".
    renamed : names in the bag by names of topics, where they differ.
    """
    pairs = tuple(f"{source}:={target}" for source, target in (renamed or {}).items())
    return NodeDescription(
        package="adgps_bringup",
        executable=RECORDER,
        nodes=(RECORDER,),
        namespace="/",
        parameters={
            "bag": str(bag),
            "topics": topics,
            "storage": storage,
            **({"renamed": pairs} if pairs else {}),
        },
        required=False,
        respawn=True,
    )


def describe_player(bag: Path, **parameters: Parameter) -> NodeDescription:
    """Describe a player of a bag in its original timing; it ends by itself."""
    return NodeDescription(
        package="adgps_bringup",
        executable="bag_player",
        nodes=("bag_player",),
        namespace="/",
        parameters={"bag": str(bag), **parameters},
        required=False,
    )

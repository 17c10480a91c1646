"""The vision network that a run's policies see with: checked, and kept in the run's folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from adgps_bringup.description import VISION
from adgps_bringup.options import StackOptions


def keep_vision(options: StackOptions) -> Callable[[], None]:
    """Check the network that a run was given, if it was; what is returned copies it there.

    A run that goes on has it in its folder, and the file that it came from may be gone.

    Raises
    ------
    ValueError
        With one line if the file cannot be used.
    """
    if options.vision is None:
        return lambda: None
    # Imported late: it takes a second or two.
    from adgps_core.checkpoints import DamagedCheckpointError
    from adgps_core.vision.architecture import FIGURE_8
    from adgps_core.vision.storage import read_network

    assert options.run is not None
    source, kept = options.vision, options.run / VISION
    if kept.exists():
        source = kept
    try:
        network = read_network(source)
    except (OSError, DamagedCheckpointError) as error:
        raise ValueError(f"vision: {error}") from error
    if network.architecture != FIGURE_8:
        raise ValueError(f"vision: {source} is not a network of figure 8")

    def keep() -> None:
        if source != kept:
            partial = kept.with_suffix(".partial")
            shutil.copyfile(source, partial)
            partial.replace(kept)

    return keep

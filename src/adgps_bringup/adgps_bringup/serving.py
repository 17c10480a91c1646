"""One machine's part of a stack on several."""

from __future__ import annotations

import time

from rich.console import Console

from adgps_bringup.interrupts import Interrupts
from adgps_bringup.options import StackOptions
from adgps_bringup.run_folder import keep_parameter_files, write_config
from adgps_bringup.session import running
from adgps_bringup.stack import describe_stack

_PERIOD = 0.2


def serve(options: StackOptions, interrupts: Interrupts) -> int:
    """Run this machine's part of a stack until it is stopped; the server's machine shows progress.

    Raises
    ------
    Interrupted, ProcessEndedError
        Nothing else ends it.
    """
    options = keep_parameter_files(options)
    assert options.run is not None
    stack = describe_stack(options)
    write_config(stack)
    console = Console(highlight=False)

    def show(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    show(f"run folder {options.run}")
    show(f"running {', '.join(node.name for node in stack.nodes)} until Ctrl-C")
    folders = options.run / "parameters", options.run / "log"
    with running(stack.nodes, *folders, show, interrupts, own_domain=False) as session:
        while True:
            session.tick()
            time.sleep(_PERIOD)

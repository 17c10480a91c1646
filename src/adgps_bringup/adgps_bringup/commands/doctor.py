"""`doctor`: PASS or FAIL for everything that a run needs."""

from __future__ import annotations

import argparse
from collections.abc import Callable

NAME = "doctor"
HELP = "check everything that a run needs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Nothing can be wrong before the checks themselves."""

    def run() -> int:
        from adgps_bringup.doctor import main

        return main()

    return run

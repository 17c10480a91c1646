"""The command line: `adgps VERB`, one module of `commands` for each verb.

Exit status: 0 done, 1 failed on the way, 2 refused before anything was started, 130 stopped by
Ctrl-C, 143 by SIGTERM.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from adgps_bringup.commands import (
    doctor,
    evaluate,
    experiment,
    pretrain,
    record,
    replay,
    robot,
    train,
)
from adgps_bringup.interrupts import Interrupted
from adgps_bringup.run_folder import RunFolderError

_COMMANDS = (train, evaluate, pretrain, experiment, record, replay, robot, doctor)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all verbs."""
    parser = _Parser(prog="adgps", description="Collective robot learning over ROS 2.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for command in _COMMANDS:
        verb = verbs.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        command.add_arguments(verb)
        verb.set_defaults(prepare=command.prepare)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; the exit status."""
    arguments = build_parser().parse_args(argv)
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # before anything was started, while Python still imports
        stopped = Interrupted(signal.SIGINT)
        return _fail(arguments.verb, stopped, stopped.exit_status)


def _run(arguments: argparse.Namespace) -> int:
    """Validate, then run; the exit status."""
    try:
        run: Callable[[], int] = arguments.prepare(arguments)
    except (ValueError, OSError) as refused:
        return _fail(arguments.verb, refused, 2)
    try:
        return run()
    except Interrupted as stopped:
        return _fail(arguments.verb, stopped, stopped.exit_status)
    except RunFolderError as refused:
        return _fail(arguments.verb, refused, 2)
    except (ValueError, OSError, RuntimeError) as failed:
        return _fail(arguments.verb, failed, 1)


def _fail(verb: str, error: Exception, status: int) -> int:
    """Say why in one line."""
    print(f"adgps {verb}: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())

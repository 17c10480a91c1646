"""Tie a program's life to the process that started it.

    python -I -S tether.py [--farewell] [--nice N] PARENT_PID PROGRAM [ARGUMENT ...]

The kernel kills the program when its parent ends in whatever way, also when the parent is killed
itself (Linux, prctl(2), PR_SET_PDEATHSIG); with --farewell it sends SIGTERM instead. With --nice
the program leaves others the processor's time first. This is a program of its own, run between fork
and exec, because code of one's own between the two is not safe in a process with threads. It
imports nothing of this package, to start in milliseconds.

SIGINT and SIGTERM stay blocked until the program asks for them (adgps_core.signals does, in every
node): while Python imports modules they would end it with a traceback, or be lost.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tether this process to its parent, then become the program."""
    farewell = arguments[0] == "--farewell"
    rest = arguments[farewell:]
    if rest[0] == "--nice":
        os.nice(int(rest[1]))
        rest = rest[2:]
    parent, *program = rest
    end = signal.SIGTERM if farewell else signal.SIGKILL
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, end) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(parent):  # it died before the tether was tied
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])

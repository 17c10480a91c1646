"""`adgps doctor`: PASS or FAIL for everything that a run needs, with the remedy.

Exit status 1 if anything FAILs; a WARN is worth knowing and stops nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from adgps_bringup.checkups import messages, system
from adgps_bringup.checkups.finding import Finding, Level

CHECKS: tuple[tuple[str, Callable[[], Finding]], ...] = (
    ("Python", system.python),
    ("ROS", system.ros),
    ("compiler", system.compiler),
    ("packages", system.packages),
    ("nodes", system.nodes),
    ("messages", messages.serialisation),
    ("DDS loopback", messages.loopback),
    ("DDS discovery", messages.discovery),
    ("disk", system.disk),
)


def examine(check: Callable[[], Finding]) -> Finding:
    """Run a check; one that breaks down has found something as well."""
    try:
        return check()
    except Exception as error:
        return Finding(Level.FAIL, f"{type(error).__name__}: {error}")


def main(argv: Sequence[str] = ()) -> int:
    """Print a line a check as it is done; the exit status."""
    parser = argparse.ArgumentParser(prog="adgps doctor", description=__doc__)
    parser.parse_args(argv)
    failed = False
    for name, check in CHECKS:
        finding = examine(check)
        failed |= finding.level is Level.FAIL
        print(finding.line(name), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`replay BAG`: publish what a bag holds, or execute its trajectories on a simulated arm."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adgps_bringup.bags.reader import readable
from adgps_bringup.bags.selection import compile_topics
from adgps_bringup.domain import free_domain
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.keyboard import Keyboard
from adgps_bringup.processes import environment
from adgps_bringup.progress import duration

if TYPE_CHECKING:
    from adgps_bringup.bags.bag_player import BagPlayer

NAME = "replay"
HELP = "publish what a bag holds in its original timing, or execute its trajectories (--on-sim)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("bag", type=Path, metavar="BAG", help="folder of a bag, or of a run")
    parser.add_argument(
        "--rate", type=float, default=1.0, metavar="F", help="seconds of the bag per second (1)"
    )
    parser.add_argument("--loop", action="store_true", help="begin again at the end")
    parser.add_argument(
        "--paused",
        action="store_true",
        help="wait at first; space, Enter, or the service /bag_player/pause go on",
    )
    parser.add_argument(
        "--topics", default=".*", metavar="REGEX", help="for whole topic names (all)"
    )
    parser.add_argument(
        "--allow-commands",
        action="store_true",
        help="publish commands to arms and the e-stop too: an arm that listens will move",
    )
    parser.add_argument(
        "--on-sim",
        action="store_true",
        help="execute the trajectories' torques on a simulated arm and compare the states",
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="--on-sim: the first N trajectories (all)"
    )
    parser.add_argument(
        "--physics-rate", type=float, metavar="F", help="--on-sim: [Hz] (the run's, or 240)"
    )
    parser.add_argument(
        "--joint-damping", type=float, metavar="D", help="--on-sim: [N·m·s/rad] (the run's, or 1)"
    )


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned replays, and returns the exit status."""
    bag = readable(arguments.bag.absolute())
    if arguments.on_sim:
        with _quiet():  # PyBullet tells when it was built
            from adgps_bringup.commands.replay_on_sim import prepare_on_sim

        return prepare_on_sim(bag, arguments)
    if not 1e-3 <= arguments.rate <= 1e3:
        raise ValueError(f"--rate must be from 0.001 to 1000, not {arguments.rate}")
    compile_topics(arguments.topics)

    def run() -> int:
        return _play(bag, arguments)

    return run


def _play(bag: Path, arguments: argparse.Namespace) -> int:
    """Play until the end, or until asked to stop."""
    # Imported late, so that a wrong argument is answered at once.
    import rclpy
    from rclpy.context import Context
    from rclpy.parameter import Parameter
    from rclpy.signals import SignalHandlerOptions

    from adgps_bringup.bags.bag_player import BagPlayer, play

    with _domain() as domain_id, Interrupts() as interrupts, Keyboard() as keyboard:
        os.environ.update(environment())
        context = Context()
        rclpy.init(
            args=["--ros-args", "--disable-external-lib-logs"],
            context=context,
            domain_id=domain_id,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        names = ("rate", "loop", "paused", "topics", "allow_commands")
        chosen = {"bag": str(bag), **{name: getattr(arguments, name) for name in names}}
        node = None
        try:
            node = BagPlayer(context, [Parameter(key, value=it) for key, it in chosen.items()])
            _introduce(node, bag, domain_id, keyboard)

            def look() -> None:
                interrupts.check()
                if keyboard.pressed(" \n"):
                    node.playhead.pause(not node.playhead.paused)
                    what = "paused at" if node.playhead.paused else "goes on from"
                    print(f"{what} {duration(node.playhead.position)}", flush=True)

            step = play(node, look)
            while not node.finished:
                step()
            print(f"played {node.played} messages", flush=True)
        finally:
            if node is not None:
                node.close()
                node.destroy_node()
            context.try_shutdown()
    return 0


def _introduce(node: BagPlayer, bag: Path, domain_id: int, keyboard: Keyboard) -> None:
    """Say what is about to happen."""
    if node.withheld:
        print(
            f"not played, for they could move an arm: {', '.join(node.withheld)}"
            " (--allow-commands plays them)"
        )
    print(f"ROS_DOMAIN_ID={domain_id}")
    hint = "; space pauses and goes on" if keyboard.there else ""
    state = ", paused" if node.playhead.paused else ""
    length = duration(node.duration_s)
    print(f"playing {node.topics} topics of {bag}, {length}{state}{hint}", flush=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let nothing reach standard error that Python itself does not print."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _domain() -> Iterator[int]:
    """ROS domain that the user has chosen, or a free one."""
    chosen = os.environ.get("ROS_DOMAIN_ID", "")
    if chosen:
        yield int(chosen)
        return
    with free_domain() as domain_id:
        yield domain_id

"""Some processes of a stack and a ROS node among them, in a domain of their own, until the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rclpy.node import Node

from adgps_bringup.description import NodeDescription
from adgps_bringup.domain import free_domain
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.processes import commands, environment
from adgps_bringup.ros_node import RosNode
from adgps_bringup.supervisor import Supervisor


@dataclass(frozen=True)
class Session:
    """What runs now.

    Parameters
    ----------
    domain_id : the ROS domain of all of it.
    supervisor : of the processes.
    node : the command line's own.
    """

    domain_id: int
    supervisor: Supervisor
    node: Node
    interrupts: Interrupts

    def tick(self) -> None:
        """Look after everything; to be called a few times a second.

        Raises
        ------
        Interrupted
            If the user wants to stop.
        ProcessEndedError
            If a process has ended for good.
        """
        self.interrupts.check()
        self.supervisor.poll()


@contextmanager
def running(
    nodes: Iterable[NodeDescription],
    parameter_folder: Path,
    log_folder: Path,
    show: Callable[[str], None],
    interrupts: Interrupts,
    own_domain: bool = True,
) -> Iterator[Session]:
    """Start processes and a node; stop all of it at the end.

    Parameters
    ----------
    nodes : what to start.
    parameter_folder : gets the resolved parameters of each process.
    log_folder : gets the output of each process.
    show : called with one line for what the user should see.
    interrupts : looked at in every tick.
    own_domain : use a ROS domain that nobody else does; False: the user's, where others are that
        were not started here.
    """
    users = int(os.environ.get("ROS_DOMAIN_ID") or 0)
    with free_domain() if own_domain else nullcontext(users) as domain_id:
        variables = {**environment(), "ROS_DOMAIN_ID": str(domain_id)}
        os.environ.update(variables)  # this process's own node reads them too
        to_start = commands(nodes, parameter_folder, variables)
        show(f"ROS_DOMAIN_ID={domain_id}")
        with (
            Supervisor(to_start, log_folder, show) as supervisor,
            RosNode("adgps", domain_id) as ros,
        ):
            yield Session(domain_id, supervisor, ros.node, interrupts)

"""The service that gradients are pushed to."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from adgps_core.conversions.arrays import to_numpy
from adgps_core.conversions.messages import (
    policy_version_to_msg,
    version_from_msg,
    version_to_msg,
)
from adgps_core.shared_block import SharedBlockError
from adgps_core.tally import Tally
from adgps_msgs.srv import PushGradient
from adgps_param_server.pushes import Push, PushCode
from adgps_param_server.server import ParameterServer
from adgps_param_server.worker_memory import Room, WorkerMemory

PHASES = ("push", "pull", "poll")
"""What time goes to: applying gradients, answers with the policy parameters alone, with their
version alone."""
REQUESTS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


class PushService:
    """Hands gradients to the server, and the newest policy parameters back.

    Parameters
    ----------
    node : whose service it is.
    server : owner of the policy parameters.

    `times` of each of PHASES [s]; `staleness`: how many gradients were how stale.
    """

    def __init__(self, node: Node, server: ParameterServer) -> None:
        self._logger = node.get_logger()
        self._server = server
        self._size = server.template.architecture.size
        self._memory = WorkerMemory()
        self.times = {phase: Tally() for phase in PHASES}
        self.staleness: Counter[int] = Counter()
        node.create_service(PushGradient, "~/push_gradient", self._on_push, qos_profile=REQUESTS)

    @property
    def workers_in_shared_memory(self) -> int:
        """Workers whose memory is open."""
        return self._memory.workers

    def prune(self) -> None:
        """Give up the memory of workers that are gone."""
        self._memory.prune()

    def _on_push(
        self, request: PushGradient.Request, response: PushGradient.Response
    ) -> PushGradient.Response:
        begin = time.perf_counter()
        self._handle(request, response)
        pushed = response.error_code == PushCode.APPLIED
        kind = "push" if pushed else "pull" if request.want_parameters else "poll"
        self.times[kind].add(time.perf_counter() - begin)
        if pushed:
            self.staleness[response.staleness] += 1
        return response

    def _handle(self, request: PushGradient.Request, response: PushGradient.Response) -> None:
        """Fill in the response."""
        gradient = to_numpy(request.gradient, (len(request.gradient),), "gradient", np.float32)
        check, unreadable = None, ""
        try:
            if not len(gradient) and (shared := self._memory.gradient(request.shared_memory)):
                gradient, check = shared
        except SharedBlockError as error:
            unreadable = str(error)
        room = None
        if request.want_parameters:
            room = self._memory.room(request.shared_memory, self._size)
        push = Push(
            worker=request.worker,
            start_id=request.start_id,
            sequence=request.sequence,
            version=version_from_msg(request.version),
            gradient=gradient,
            loss=request.loss,
            unreadable=unreadable,
            check=check,
            room=room.begin if room else None,
        )
        outcome = self._server.push(push)
        if outcome.code.refused:
            self._logger.warning(
                f"push of {push.worker} refused, {outcome.code.name}: {outcome.reason}",
                throttle_duration_sec=1.0,
            )
        response.error_code = int(outcome.code)
        response.error_msg = outcome.reason
        response.staleness = outcome.staleness
        response.version = version_to_msg(self._server.version)
        if request.want_parameters:
            self._answer(response, room)

    def _answer(self, response: PushGradient.Response, room: Room | None) -> None:
        """Give the newest policy parameters, in the worker's memory where that can be."""
        server = self._server
        inline = server.values
        if room is not None:
            response.shared_memory = room.finish(server.values)
            inline = inline[:0]
        response.parameters = policy_version_to_msg(server.template, server.version, inline)

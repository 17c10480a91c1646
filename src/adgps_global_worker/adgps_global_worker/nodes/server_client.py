"""The way to the parameter server over a ROS service."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from adgps_core.conversions.arrays import lend
from adgps_core.conversions.messages import (
    global_policy_from_msg,
    version_from_msg,
    version_to_msg,
)
from adgps_core.global_policy import Architecture, GlobalPolicy
from adgps_core.shared_block import SharedBlockError
from adgps_global_worker.exchange import Push, Reply, ReplyCode
from adgps_global_worker.nodes.executors import quick_executor
from adgps_global_worker.server_memory import ServerMemory
from adgps_msgs.srv import PushGradient

SERVICE = "/param_server/push_gradient"
REQUESTS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
WORD_PERIOD = 10.0
"""Between two words about a server that does not answer [s]; at a launch it may take as long."""


class ServerClient:
    """Sends pushes and waits for their answers; called on the training thread only.

    A node of its own, spun while waiting: an answer handed over by another thread takes longer.

    Parameters
    ----------
    node : whose client it is.
    timeout : longest wait for the server, and for an answer [s].
    log : called with one sentence for what the operator should know.
    """

    def __init__(self, node: Node, timeout: float, log: Callable[[str], None]) -> None:
        self._node = Node(
            f"{node.get_name()}_client",
            context=node.context,
            namespace=node.get_namespace(),
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._client = self._node.create_client(PushGradient, SERVICE, qos_profile=REQUESTS)
        self._executor = quick_executor(node.context)
        self._executor.add_node(self._node)
        self._worker = node.get_fully_qualified_name()
        self._start_id = secrets.randbits(63)
        self._timeout = timeout
        self._log = log
        self._memory = ServerMemory(log)
        self._closed = False
        self._told = time.monotonic()
        self._silent_since = np.inf  # of the first request of those that were not answered
        self.answering = False

    @property
    def shares_memory(self) -> bool:
        """Whether arrays go by memory that the server shares, not in messages."""
        return self._memory.shared

    def close(self) -> None:
        """End the wait for an answer, if there is one; called on any thread."""
        self._closed = True
        self._executor.wake()

    def destroy(self) -> None:
        """Leave the graph; when no call is under way any more."""
        self._executor.shutdown()
        self._node.destroy_node()
        self._memory.close()

    def __call__(self, push: Push) -> Reply | None:
        """Send a push and wait, bounded, for the answer; None if none came."""
        if torn := self._memory.held(push):
            fetched = self._ask(Push.fetch(push.version))
            return fetched and replace(fetched, code=ReplyCode.SHARED_MEMORY, reason=torn)
        reply = self._ask(push)
        if reply is not None and reply.code is ReplyCode.SHARED_MEMORY:
            self._log(f"push {push.sequence} goes in a message: {reply.reason}")
            self._memory.refuse()
            reply = self._ask(push)
        return reply

    def _ask(self, push: Push) -> Reply | None:
        if not self.answering and not self._client.service_is_ready():
            self._client.wait_for_service(self._timeout)
        gradient, memory = self._memory.send(push)
        request = PushGradient.Request(
            worker=self._worker,
            start_id=self._start_id,
            sequence=push.sequence,
            version=version_to_msg(push.version),
            samples=push.samples,
            loss=push.loss,
            shared_memory=memory,
            want_parameters=push.want_policy,
        )
        lend(request, "gradient", gradient)
        future = self._client.call_async(request)
        began = time.monotonic()
        self._silent_since = min(self._silent_since, began)
        end = began + self._timeout
        while not (future.done() or self._closed) and (left := end - time.monotonic()) > 0:
            self._executor.spin_once(left)
        was_answering, self.answering = self.answering, future.done()
        if self._closed or not self.answering:
            self._client.remove_pending_request(future)
        if self._closed:
            return None
        if not self.answering:
            now = time.monotonic()
            if was_answering or now - self._told > WORD_PERIOD:
                self._log(f"waiting for {SERVICE}: no answer for {now - self._silent_since:.0f} s")
                self._told = now
            return None
        self._silent_since = np.inf
        try:
            return self._reply(push, future.result())
        except SharedBlockError as error:  # the answer to an earlier request came in between
            self._log(f"push {push.sequence} is repeated: {error}")
            return None

    def _reply(self, push: Push, response: PushGradient.Response) -> Reply:
        return Reply(
            code=ReplyCode(response.error_code),
            reason=response.error_msg,
            staleness=int(response.staleness),
            version=version_from_msg(response.version),
            policy=self._policy(response) if push.want_policy else None,
        )

    def _policy(self, response: PushGradient.Response) -> GlobalPolicy:
        size = Architecture.from_json(response.parameters.architecture).size
        values = self._memory.receive(response.shared_memory, size)
        return global_policy_from_msg(response.parameters, values)

"""Tells whether a task is done, as only a simulator knows; for evaluation, never for learning."""

from __future__ import annotations

from rclpy.node import Node
from std_srvs.srv import Trigger

from adgps_sim.world import World


class SuccessService:
    """Serves `~/succeeded`, to be asked after a rollout and before the next reset.

    Parameters
    ----------
    node : whose service it is.
    world : what is asked about.
    task : name of the task.
    """

    def __init__(self, node: Node, world: World, task: str) -> None:
        self._world = world
        self._refusal = f"nobody knows: nothing in the world tells when the task {task} is done"
        node.create_service(Trigger, "~/succeeded", self._on_question)

    def _on_question(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        succeeded = self._world.succeeded
        response.success = bool(succeeded)
        response.message = self._refusal if succeeded is None else self._world.truth
        return response

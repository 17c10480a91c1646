"""A door with a latch, in front of the arm: handles, bodies, mechanics."""

from adgps_sim.door.scene import DoorScene

__all__ = ["DoorScene"]

"""A robot's own nodes: the torque controller, its safety and its limits."""

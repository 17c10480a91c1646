"""The ROS nodes of simulated robots."""

"""The ROS nodes of a robot."""

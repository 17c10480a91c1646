"""ROS 2 nodes of the local worker."""

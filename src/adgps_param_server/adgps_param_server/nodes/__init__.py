"""The node of this package; the only modules that know ROS."""

"""Bags in rosbag2's format; a recorder that is killed loses its last message at most."""

"""Bags in rosbag2's format: written so that a killed recorder loses nothing but its last message."""

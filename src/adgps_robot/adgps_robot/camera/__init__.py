"""Cameras, streams and video files by OpenCV, and their calibration."""

"""What `door_collective.py` has in place of images."""

"""Messages and arrays, there and back; the only part of the core that knows ROS messages."""

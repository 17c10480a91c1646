"""IMUs on a serial port: streams of bytes to readings."""

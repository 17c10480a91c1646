"""Settings of all tests."""

from hypothesis import settings

# The same examples every time, however busy the machine is.
settings.register_profile("adgps", deadline=None, derandomize=True)
settings.load_profile("adgps")

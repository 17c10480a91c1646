"""What `adgps doctor` looks at: one module for each part of the machine."""

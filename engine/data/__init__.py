"""Image sets: read, looked at, divided, put on the device and augmented."""

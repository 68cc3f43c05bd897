"""The HTTP API by which sources hand in canonical events. It checks and publishes; it decides no accounting."""

"""Why the demo stopped before its end."""


class DemoFailed(Exception):
    """Something did not come as the story has it. The message says what was found, what was expected, where to look."""

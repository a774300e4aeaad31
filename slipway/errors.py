"""What can go wrong in a way that the user can act on."""


class SlipwayError(Exception):
    """Shown as one message, without a traceback; says what was found and what to do."""

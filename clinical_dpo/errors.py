"""The one exception a user is meant to read."""


class UserError(Exception):
    """A mistake in configuration or data, told as: where, what is wrong, what would be right.

    Scripts print the message alone, without a traceback, and exit with status 1.
    """

"""The one family of errors that a user can cause, each with a message of one line."""


class UserError(Exception):
    """Something the user gave can't be used; the message says what, and what would be right."""

    exit_status = 1


class SettingsError(UserError):
    """A setting has a value that it can't have.

    Args:
      flag: name of the setting, which is also its flag's name.
      value: what was given.
      expected: what would be right, to be read after 'expected'.
    """

    exit_status = 2

    def __init__(self, flag: str, value: object, expected: str):
        super().__init__(f"--{flag}={value}: expected {expected}")
        self.flag = flag


class DataError(UserError):
    """A data file or data set is missing, altered, or of another form than expected."""


class RunFolderError(UserError):
    """A run folder can't serve for what is asked: other settings, no checkpoint, unreadable."""


class DivergedError(UserError):
    """A loss or a weight became NaN or infinite."""

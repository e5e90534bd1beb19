"""What the command tells its user instead of a stack trace."""


class CommandError(Exception):
    """A user's mistake or a missing part: what is wrong, and what to do about it."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem}; {mend}")

"""What this package raises when an input is refused.

ValueError
└── InvalidInput                 an argument that cannot be accepted (pure code raises it)
pulumi.RunError
└── host.DockerHostError         the same, where a Pulumi program is told: one clean line, no stack trace
"""

from typing import Any


class InvalidInput(ValueError):
    """An argument that is refused: which one, its value, and what to write instead."""

    def __init__(self, argument: str, value: Any, mend: str) -> None:
        super().__init__(f"{argument}: {value!r} is refused: {mend}")
        self.argument = argument
        self.value = value
        self.mend = mend

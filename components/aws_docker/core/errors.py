"""What this package raises when an input is refused.

ValueError
└── InvalidInput                 an argument that cannot be accepted (pure code raises it)
pulumi.RunError
└── host.DockerHostError         the same, where a Pulumi program is told: one clean line, no stack trace
"""

_LONGEST_SHOWN = 120


class InvalidInput(ValueError):
    """An argument that is refused: which one, its value, what is wrong with it and what to write instead.

    >>> print(InvalidInput("trusted_cidrs", "10.0.5.10/24", "write '10.0.5.0/24'", "has host bits set"))
    trusted_cidrs: '10.0.5.10/24' has host bits set; write '10.0.5.0/24'
    """

    def __init__(self, argument: str, value: object, hint: str, problem: str = "is refused") -> None:
        shown = repr(value)
        if len(shown) > _LONGEST_SHOWN:
            shown = shown[:_LONGEST_SHOWN] + "…"
        super().__init__(f"{argument}: {shown} {problem}; {hint}")
        self.argument = argument
        self.value = value
        self.hint = hint

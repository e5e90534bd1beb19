"""Every exception of this package, drawn; and the one that says which argument is refused.

Private ones (`_Name`) never leave their module, and are not drawn. tests/unit/test_errors.py keeps the drawing true.

ValueError
├── InvalidInput           core.errors             an argument that is refused: pure code raises it
├── Unreadable             audit.reach             what keeps an interface from being judged
└── Malformed              policy.reading.values   an input of the wrong kind; never shows the value
RunError                   pulumi                  one clean line in a Pulumi program, no stack trace
└── DockerHostError        host.children           InvalidInput, where a Pulumi program hears of it
UnknownValueError          pulumi_policy           what the engine takes for "judge again, later"
└── Undecided              policy.rule             what a policy could not judge
Exception
├── CommandError           cli.errors              a user's mistake or a missing part: exit status 1, one line
│   └── NotChecked         cli.errors              the same where something was to be checked: exit status 2
├── NoHttp                 audit.exchange          bytes on the wire that are no HTTP
├── NotReady               host.readiness          a host that did not answer in time, and why
│   ├── NotInForce         host.readiness          one that, by its own word, is not told yet what is intended
│   │   └── HostRefused    host.readiness          or has refused it
│   └── AnotherHost        host.readiness          who answered is not the stack's: waiting does not help
├── Refused                host.agent              on the host: a step that ends closed
├── Later                  host.swarm              on a Swarm's member: what is waited for
├── Turn                   host.swarm              on a Swarm's member: why dockerd may not restart yet
├── Refusal                host.swarm              on a Swarm's member: dockerd's own, with its status
├── Undecodable            boot.formats.encodings  why user-data, or a part, could not be decoded
└── Budget                 boot.machine.state      more was to be read than a set-up can need
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

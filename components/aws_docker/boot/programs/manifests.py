"""Configuration tools that are run: what they do with what stands elsewhere is not read."""

from ..machine.state import UNKNOWN, base, names
from ..shell.port import Scope
from .program import Ends, Program, Rows


def _tool(scope: Scope, argv: list[str], stdin: str | None) -> str:
    scope.note(f"what {base(argv[0])} does is not in the user-data", elsewhere=True)
    return UNKNOWN


PROGRAMS: Rows = dict.fromkeys(
    names("cfn-init ansible-pull ansible-playbook ansible chef-client chef-solo chef-apply salt-call puppet"),
    Program(_tool, Ends.LIKELY),
)

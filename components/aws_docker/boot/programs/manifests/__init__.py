"""Configuration tools that are run: what stands in the user-data for them is read where it is data, and said where not.

One module a tool (ansible, puppet, chef, salt). Each gives what its manifests do as `acts`: files, commands, services.
"""

import re
from collections.abc import Callable, Iterable

from ...machine.state import CONCERNS, UNKNOWN, base, is_unknown, names
from ...shell.port import Scope
from ..program import Program, Rows
from . import ansible, chef, puppet, salt
from .acts import Act, perform

Reads = Callable[[Scope, list[str], str], Iterable[Act]]
_OPTIONS_WITH_VALUE = names(
    "-i --inventory -e --extra-vars -l --limit -u --user -t --tags -c --connection -m --module-name -j "
    "--json-attributes -o --override-runlist --modulepath --logdest --config -L --file-root "
    "--pillar-root -r --recipe-url"
)


def _files(scope: Scope, argv: list[str], ending: str) -> list[str]:
    """The files of a tool among its words."""
    found: list[str] = []
    skip = False
    for word in argv[1:]:
        if not skip and not word.startswith("-") and re.search(ending, word):
            found.append(word)
        skip = word in _OPTIONS_WITH_VALUE
    return found


def _follow(scope: Scope, tool: str, text: str, acts: Iterable[Act]) -> None:
    before = scope.machine.runs_docker
    seen = [perform(scope, act) for act in acts]
    if CONCERNS.search(text) and not any(seen) and not (scope.machine.runs_docker and not before):
        scope.note(f"what {tool} makes of Docker here is not read")


def _tool(ending: str, reads: Reads, option: str = "") -> Program:
    def run(scope: Scope, argv: list[str], stdin: str | None) -> str:
        tool = base(argv[0])
        texts = [argv[at + 1] for at, word in enumerate(argv[:-1]) if option and word == option]
        texts += [stdin] if stdin and not is_unknown(stdin) and not texts else []
        missing = False
        for name in _files(scope, argv, ending):
            content = scope.world.read(scope.path(name))
            if content is None or is_unknown(content.text):
                missing = True
            else:
                texts.append(content.text)
        if missing or not texts:
            scope.note(f"what {tool} does is not in the user-data", elsewhere=True)
        for text in texts:
            _follow(scope, tool, text, reads(scope, argv, text))
        return UNKNOWN

    return Program(run, nests=True)


def _salt(scope: Scope, argv: list[str], stdin: str | None) -> str:
    states = {path: each.text for path, each in scope.world.files.items() if path.endswith(".sls")}
    if not states or any(is_unknown(text) for text in states.values()):
        scope.note("what salt-call does is not in the user-data", elsewhere=True)
    for text in states.values():
        _follow(scope, "salt-call", text, salt.read(scope, argv, text))
    return UNKNOWN


def _elsewhere(scope: Scope, argv: list[str], stdin: str | None) -> str:
    scope.note(f"what {base(argv[0])} does is not in the user-data", elsewhere=True)
    return UNKNOWN


PROGRAMS: Rows = {
    "ansible-playbook": _tool(r"", ansible.read),
    "puppet": _tool(r"\.pp$", puppet.read, "-e"),
    **dict.fromkeys(("chef-apply", "chef-client", "chef-solo"), _tool(r"\.rb$", chef.read, "-e")),
    "salt-call": Program(_salt, nests=True),
    **dict.fromkeys(("cfn-init", "ansible-pull", "ansible"), Program(_elsewhere)),
}

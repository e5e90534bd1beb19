"""What single programs in a script do, as far as it bears on files and on what is started in the end.

Here: shells and other interpreters, and what changes the shell itself. Others: starters.py, texttools.py, filetools.py.
Any other program is handed to the shell's `start`, where judgement.py looks at it; what it prints is unknown.
"""

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from ..machine.state import FETCHED_INSTALLER, UNKNOWN, base, names
from ..shell import expansion
from ..shell.syntax import Node, Simple
from . import edits, python
from . import files as filetools
from . import text as texttools
from . import wrappers as starters

if TYPE_CHECKING:
    from ..shell.interpreter import Shell

_TEXT_ONLY: Final = names(
    "logger wall write mail wc ls stat test [ [[ which type whereis man info help pgrep pkill killall kill ps "
    "ss netstat lsof nmap iptables ip6tables iptables-restore nft ufw firewall-cmd ipset tc expr true false : "
    "sleep wait date hostname ec2-metadata whatis apropos dpkg-query alert notify-send figlet md5sum "
    "sha256sum sha512sum diff cmp getent id groups usermod useradd groupadd adduser addgroup gpasswd newgrp "
    "chmod chown chgrp chattr setfacl mkdir rmdir touch umount mkfs mkfs.ext4 mkfs.xfs swapon swapoff "
    "fallocate sysctl modprobe depmod hostnamectl timedatectl localectl ulimit umask shopt trap alias unalias "
    "return break continue shift printenv locale-gen update-ca-certificates gpg openssl ssh-keygen apt-key "
    "semanage setsebool restorecon journalctl dmesg loginctl chsh passwd"
)
_SILENT: Final = names(
    ": true false sleep wait mkdir rmdir touch chmod chown chgrp umount usermod useradd groupadd test [ [[ "
    "trap alias ulimit umask shopt sysctl modprobe hostnamectl break continue shift return swapon logger wall "
    "systemctl"
)
_SYSTEM_SCRIPTS = re.compile(
    r"/etc/(?:os-release|environment|profile|bashrc|lsb-release|default/|sysconfig/|bash_completion|eks/|ecs/|nixos|init\.d/)"
    r"|/usr/|/lib/|/opt/aws/|/opt/elasticbeanstalk/|/root/\.|/home/[^/]+/\.|/run/metadata/|/proc/|/dev/null|.*/bin/activate$|.*/nvm\.sh$|.*/\.cargo/env$"
)
_EDITORS: Final = names("patch ed ex vi vim nano m4 crudini augtool yq dasel")
_MANAGED: Final = frozenset(
    (
        "cfn-init",
        "ansible-pull",
        "ansible-playbook",
        "chef-client",
        "chef-solo",
        "chef-apply",
        "salt-call",
        "puppet",
    )
)


def run(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    """Follows one program; gives what it prints, as far as that can be told."""
    shell.machine.step()
    name = base(argv[0])
    linked = shell.machine.links.get(shell.path(argv[0])) if "/" in argv[0] else None
    if linked and base(linked) in ("dockerd", "docker", "socat", *filetools.SHELLS):
        name = base(linked)
        argv = [name, *argv[1:]]
    if "*" in name or "?" in name or "[" in name[1:]:
        name = _globbed(name)
        argv = [name, *argv[1:]]
    if name == "busybox" and argv[1:]:
        return shell.command(argv[1:], stdin)
    if name in filetools.SHELLS:
        return _shell(shell, argv, stdin)
    if known := _PROGRAMS.get(name):
        return known(shell, argv, stdin)
    if python.interprets(name):
        return _python(shell, argv, stdin)
    if name in _TEXT_ONLY:
        return "" if name in _SILENT else UNKNOWN
    if "/" in argv[0] and (out := _file(shell, argv, stdin)) is not None:
        return out
    if name in _MANAGED:
        shell.machine.note_unread(f"{shell.place}: what {name} does is not in the user-data")
    if argv[0] == UNKNOWN or argv[0].startswith("$"):
        shell.machine.note_unread(f"{shell.place}: which program runs here depends on a variable")
    if name in _EDITORS and re.search(
        r"tcp://|dockerd|hosts|ListenStream", " ".join([*argv[1:], stdin or ""])
    ):
        shell.machine.note_unread(
            f"{shell.place}: what {name} changes concerns Docker and cannot be followed"
        )
    if name in ("docker", "docker-compose"):
        argv = _client(shell, argv, stdin)
    shell.start(argv, shell.place)
    return "" if name in _SILENT else UNKNOWN


def _client(shell: "Shell", argv: list[str], stdin: str | None) -> list[str]:
    # What reaches docker otherwise than by its words: DOCKER_HOST, and a Compose file on standard input.
    if stdin and "-" in argv:
        shell.write("/run/stdin.compose.yaml", stdin)
    values = [value for value in shell.variables.get("DOCKER_HOST", []) if value]
    return [argv[0], "-H", values[-1], *argv[1:]] if values else argv


def _globbed(name: str) -> str:
    if len(name) > 40 or name.count("*") > 3:
        return name
    known = ("dockerd", "docker", "socat", "bash", "sh")
    return next((each for each in known if fnmatchcase(each, name)), name)


# --- Programs that start others ---


def _shell(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    while rest:
        word = rest[0]
        if word in ("-o", "+o", "-O", "--rcfile", "--init-file"):
            rest = rest[2:]
        elif re.fullmatch(r"-[a-zA-Z]*c[a-zA-Z]*", word):
            return shell.inner(rest[1], stdin, rest[3:]) if len(rest) > 1 else ""
        elif re.fullmatch(r"-[a-zA-Z]*s[a-zA-Z]*|-", word):
            return _piped(shell, stdin, rest[1:])
        elif word.startswith(("-", "+")):
            rest = rest[1:]
        else:
            return _script_file(shell, word, rest[1:], stdin)
    return _piped(shell, stdin, [])


def _piped(shell: "Shell", script: str | None, arguments: Sequence[str]) -> str:
    if not script:
        return ""
    if script == FETCHED_INSTALLER:
        shell.start(["docker-installer"], shell.place)
        return ""
    if UNKNOWN in script and not script.replace(UNKNOWN, "").strip():
        shell.machine.note_unread(f"{shell.place}: a script that is not in the user-data is run")
        return UNKNOWN
    return shell.inner(script, arguments=arguments)


def _script_file(shell: "Shell", path: str, arguments: Sequence[str], stdin: str | None) -> str:
    contents = shell.machine.read(shell.path(path))
    if not contents:
        if path in ("/dev/stdin", "/dev/fd/0"):
            return _piped(shell, stdin, arguments)
        if not _SYSTEM_SCRIPTS.match(shell.path(path)):
            shell.machine.note_unread(
                f"{shell.place}: runs a script that is not in the user-data ({base(path)[:60]})"
            )
        return UNKNOWN
    out = ""
    was, shell.maybe = shell.maybe, shell.maybe or len(contents) > 1
    for content in contents:
        out = _piped(shell, content.text, arguments)
    shell.maybe = was
    return out


def _file(shell: "Shell", argv: list[str], stdin: str | None) -> str | None:
    """Runs a file that the user-data wrote or fetched; None where it did neither."""
    contents = shell.machine.read(shell.path(argv[0]))
    if base(argv[0]) in ("docker", "docker-compose", "dockerd") and contents and contents[-1].text == UNKNOWN:
        return None  # the program of that name, however it came
    if not contents or shell.path(argv[0]) not in shell.machine.files:
        return None
    first = contents[-1].text.lstrip()[:80]
    if first.startswith("#!") and "python" in first.partition("\n")[0]:
        python.follow(shell, contents[-1].text)
        return UNKNOWN
    if re.match(r"#!.*(?:perl|ruby|node|php|tclsh|lua|awk)", first):
        edits.other_language(shell, contents[-1].text, base(argv[0]))
        return UNKNOWN
    return _script_file(shell, argv[0], argv[1:], stdin)


def _source(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if not argv[1:]:
        return ""
    contents = shell.machine.read(shell.path(argv[1]))
    if not contents:
        return _script_file(shell, argv[1], argv[2:], stdin)
    out = ""
    for content in contents:
        if content.text == UNKNOWN or content.text == FETCHED_INSTALLER:
            out = _piped(shell, content.text, ())
        else:
            out = shell.include(content.text, stdin)
    return out


def _eval(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    text = " ".join(argv[1:])
    if text.strip() == UNKNOWN:
        return _piped(shell, text, ())
    return shell.include(text, stdin)


def _cd(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if argv[1:]:
        shell.directory = shell.path(argv[1])
    return ""


def _export(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    for word in argv[1:]:
        name, separator, value = word.partition("=")
        if separator and re.fullmatch(r"\w+", name):
            shell.variables[name] = [value]
    return ""


def _set(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    if "--" in rest:
        shell.arguments = rest[rest.index("--") + 1 :]
    elif rest and not rest[0].startswith(("-", "+")):
        shell.arguments = rest
    return ""


def _read(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    names = [word for word in argv[1:] if re.fullmatch(r"[A-Za-z_]\w*", word)]
    if names and stdin is not None:
        whole = any(word in ("-d", "-rd", "-d''") or word.startswith(("-d", "-rd")) for word in argv[1:])
        text = stdin if whole else stdin.partition("\n")[0]
        values = text.split(None, len(names) - 1) if len(names) > 1 else [text.strip() if not whole else text]
        for name, value in zip(names, values, strict=False):
            shell.variables[name] = [value]
    return ""


def _alias(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    for word in argv[1:]:
        name, separator, value = word.partition("=")
        if separator:
            shell.aliases[name] = value
    return ""


def whole_pipeline(shell: "Shell", nodes: Sequence[Node]) -> None:
    """Looks at programs that only together make a listener: `nc -l ... | nc -U /var/run/docker.sock`."""
    words: list[str] = []
    for node in nodes:
        if isinstance(node, Simple):
            words += ["|", *(field for word in node.words for field in expansion.fields(shell, word))]
    if any(base(word) in ("nc", "ncat", "netcat", "socat") for word in words):
        shell.start(words, shell.place)


def _python(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    while rest and rest[0].startswith("-") and rest[0] not in ("-c", "-", "-m"):
        if "c" in rest[0] and not rest[0].startswith("--"):
            break
        rest = rest[2:] if rest[0] in ("-W", "-X") else rest[1:]
    if rest and rest[0].startswith("-") and rest[0].endswith("c") and len(rest) > 1:
        python.follow(shell, rest[1])
    elif not rest or rest[0] in ("-", "/dev/stdin"):
        if stdin == UNKNOWN:
            _piped(shell, stdin, ())
        elif stdin:
            python.follow(shell, stdin)
    elif rest[0] != "-m":
        contents = shell.machine.read(shell.path(rest[0]))
        for content in contents:
            if content.text == UNKNOWN:
                _piped(shell, UNKNOWN, ())
            else:
                python.follow(shell, content.text)
        if not contents and not _SYSTEM_SCRIPTS.match(shell.path(rest[0])):
            _script_file(shell, rest[0], (), stdin)
    return UNKNOWN


def _other(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    for word in [*argv[1:], stdin or ""]:
        edits.other_language(shell, word, base(argv[0]))
    return UNKNOWN


_PROGRAMS: Final[dict[str, Callable[["Shell", list[str], str | None], str]]] = {
    **starters.PROGRAMS,
    **texttools.PROGRAMS,
    **filetools.PROGRAMS,
    "eval": _eval,
    ".": _source,
    "source": _source,
    "cd": _cd,
    "pushd": _cd,
    "export": _export,
    "declare": _export,
    "typeset": _export,
    "local": _export,
    "readonly": _export,
    "set": _set,
    "read": _read,
    "alias": _alias,
    "perl": _other,
    "ruby": _other,
    "node": _other,
    "php": _other,
    "lua": _other,
    "awk": _other,
    "gawk": _other,
}

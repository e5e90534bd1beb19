"""What single programs in a script do, as far as it bears on files and on what is started in the end.

Programs that pass text on (cat, sed, base64), that write files (tee, cp, jq), and that start others (sudo, env, bash -c).
Any other program is handed to the shell's `start`, where judgement.py looks at it; what it prints is unknown.
"""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from . import edits, python
from .encodings import Undecodable, as_text, compression, decompress, unbase64
from .machine import UNKNOWN
from .syntax import Node, Simple, unescape

if TYPE_CHECKING:
    from .shell import Shell

SHELLS: Final = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash", "busybox"))
# What starts the rest of its words, and its options that take a value of their own.
_WRAPPERS: Final = {
    "sudo": "ugpCcDhRrTtU",
    "doas": "uC",
    "env": "uCS",
    "nohup": "",
    "exec": "a",
    "command": "",
    "builtin": "",
    "time": "fo",
    "nice": "n",
    "ionice": "cnp",
    "setsid": "",
    "stdbuf": "ioe",
    "timeout": "ks",
    "chrt": "TPD",
    "taskset": "",
    "unshare": "RSGw",
    "nsenter": "tSGrw",
    "systemd-run": "uptHMEGC",
    "systemd-cat": "tp",
    "systemd-inhibit": "",
    "flock": "Ew",
    "strace": "eops",
    "chroot": "",
    "daemonize": "acelopuE",
    "daemon": "nUrFMADE",
    "xargs": "adEIiLnPs",
    "retry": "tdm",
    "watch": "nd",
    "catchsegv": "",
    "cgexec": "g",
    "numactl": "NCmip",
    "prlimit": "",
    "softlimit": "",
    "setpriv": "",
    "caffeinate": "",
    "unbuffer": "",
    "dumb-init": "",
    "tini": "pe",
    "then": "",
    "!": "",
}
_LONG_WITH_VALUE: Final = frozenset(
    [
        "--user",
        "--group",
        "--unit",
        "--description",
        "--property",
        "--slice",
        "--uid",
        "--gid",
        "--setenv",
        "--chdir",
        "--unset",
        "--split-string",
        "--signal",
        "--kill-after",
        "--adjustment",
        "--host",
        "--prompt",
        "--timeout",
        "--on-boot",
        "--on-active",
        "--on-calendar",
        "--working-directory",
        "--target",
        "--machine",
        "--close-from",
        "--delay",
        "--times",
        "--max-args",
        "--replace",
        "--reuid",
        "--regid",
        "--root",
        "--nice",
    ]
)
_TEXT_ONLY: Final = frozenset(
    [
        "logger",
        "wall",
        "write",
        "mail",
        "wc",
        "ls",
        "stat",
        "test",
        "[",
        "[[",
        "which",
        "type",
        "whereis",
        "man",
        "info",
        "help",
        "pgrep",
        "pkill",
        "killall",
        "kill",
        "ps",
        "ss",
        "netstat",
        "lsof",
        "nmap",
        "iptables",
        "ip6tables",
        "iptables-restore",
        "nft",
        "ufw",
        "firewall-cmd",
        "ipset",
        "tc",
        "expr",
        "true",
        "false",
        ":",
        "sleep",
        "wait",
        "date",
        "hostname",
        "ec2-metadata",
        "whatis",
        "apropos",
        "dpkg-query",
        "alert",
        "notify-send",
        "figlet",
        "md5sum",
        "sha256sum",
        "sha512sum",
        "diff",
        "cmp",
        "getent",
        "id",
        "groups",
        "usermod",
        "useradd",
        "groupadd",
        "adduser",
        "addgroup",
        "gpasswd",
        "newgrp",
        "chmod",
        "chown",
        "chgrp",
        "chattr",
        "setfacl",
        "mkdir",
        "rmdir",
        "touch",
        "mount",
        "umount",
        "mkfs",
        "mkfs.ext4",
        "mkfs.xfs",
        "swapon",
        "swapoff",
        "fallocate",
        "sysctl",
        "modprobe",
        "depmod",
        "hostnamectl",
        "timedatectl",
        "localectl",
        "ulimit",
        "umask",
        "shopt",
        "trap",
        "alias",
        "unalias",
        "return",
        "break",
        "continue",
        "shift",
        "printenv",
        "locale-gen",
        "update-ca-certificates",
        "gpg",
        "openssl",
        "ssh-keygen",
        "apt-key",
        "rpm",
        "semanage",
        "setsebool",
        "restorecon",
        "journalctl",
        "dmesg",
        "loginctl",
        "chsh",
        "passwd",
    ]
)
_SILENT: Final = frozenset(
    [
        ":",
        "true",
        "false",
        "sleep",
        "wait",
        "mkdir",
        "rmdir",
        "touch",
        "chmod",
        "chown",
        "chgrp",
        "mount",
        "umount",
        "usermod",
        "useradd",
        "groupadd",
        "test",
        "[",
        "[[",
        "trap",
        "alias",
        "ulimit",
        "umask",
        "shopt",
        "sysctl",
        "modprobe",
        "hostnamectl",
        "break",
        "continue",
        "shift",
        "return",
        "swapon",
        "logger",
        "wall",
        "systemctl",
    ]
)
_FETCHERS: Final = frozenset(
    ("curl", "wget", "aws", "gsutil", "az", "fetch", "aria2c", "http", "s3cmd", "scp", "rsync", "git")
)
# Docker's own installers, which open nothing.
_INSTALLERS = re.compile(r"https://(?:get|test)\.docker\.com(?:/(?:rootless)?)?")
_SYSTEM_SCRIPTS = re.compile(
    r"/etc/(?:os-release|environment|profile|bashrc|lsb-release|default/|sysconfig/|bash_completion|eks/|ecs/|nixos|init\.d/)"
    r"|/usr/|/lib/|/opt/aws/|/opt/elasticbeanstalk/|/root/\.|/home/[^/]+/\.|/run/metadata/|/proc/|/dev/null"
)
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


def base(program: str) -> str:
    """A program's own name."""
    return program.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].removesuffix(".exe")


def run(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    """Follows one program; gives what it prints, as far as that can be told."""
    shell.machine.step()
    name = base(argv[0])
    linked = shell.machine.links.get(shell.path(argv[0])) if "/" in argv[0] else None
    if linked and base(linked) in ("dockerd", "docker", "socat", *SHELLS):
        name = base(linked)
        argv = [name, *argv[1:]]
    if "*" in name or "?" in name or "[" in name[1:]:
        name = _globbed(name)
        argv = [name, *argv[1:]]
    if name in _WRAPPERS or (name == "busybox" and base(argv[1] if argv[1:] else "") in ("sh", "ash")):
        return _wrapped(shell, name, argv, stdin)
    if name in SHELLS:
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
        shell.machine.say(f"{shell.where(shell.line)}: what {name} does is not in the user-data")
    if argv[0] == UNKNOWN or argv[0].startswith("$"):
        shell.machine.say(f"{shell.where(shell.line)}: which program runs here depends on a variable")
    shell.start(argv, shell.where(shell.line))
    return "" if name in _SILENT else UNKNOWN


def _globbed(name: str) -> str:
    pattern = (
        re.escape(name[:40]).replace(r"\*", ".*").replace(r"\?", ".").replace(r"\[", "[").replace(r"\]", "]")
    )
    if name.count("*") > 3:
        return name
    try:
        return next(
            (known for known in ("dockerd", "docker", "socat", "bash", "sh") if re.fullmatch(pattern, known)),
            name,
        )
    except re.error:
        return name


# --- Programs that start others ---


def _wrapped(shell: "Shell", name: str, argv: list[str], stdin: str | None) -> str:
    with_value = _WRAPPERS.get(name, "")
    rest = argv[1:]
    while rest:
        word = rest[0]
        if word == "--":
            rest = rest[1:]
            break
        if word.startswith("--"):
            rest = rest[2:] if word in _LONG_WITH_VALUE and "=" not in word else rest[1:]
        elif word.startswith("-") and len(word) > 1:
            if name == "env" and word.startswith("-S"):
                return shell.inner(word[2:] + " " + " ".join(rest[1:]), stdin)
            # sudo -H has no value; the last letter decides.
            rest = rest[2:] if word[-1] in with_value and len(word) == 2 else rest[1:]
        elif name in ("env", "sudo", "systemd-run") and re.match(r"[A-Za-z_]\w*=", word):
            key, _, value = word.partition("=")
            shell.variables[key] = [value]
            rest = rest[1:]
        else:
            break
    if name in ("timeout", "flock", "chroot", "taskset", "chrt") and rest:
        rest = rest[1:]
        if name == "flock" and rest[:1] == ["-c"]:
            return shell.inner(" ".join(rest[1:]), stdin)
    if name == "watch" and rest:
        return shell.inner(" ".join(rest), stdin)
    if name == "xargs":
        rest = [*rest, *(stdin or "").split()[:200]] if rest else []
    if name == "sudo" and not rest and stdin:
        return shell.inner(stdin)
    return shell.command(rest, stdin) if rest else ""


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
    if script == _INSTALLED:
        shell.start(["docker-installer"], shell.where(shell.line))
        return ""
    if UNKNOWN in script and not script.replace(UNKNOWN, "").strip():
        shell.machine.say(f"{shell.where(shell.line)}: a script that is not in the user-data is run")
        return UNKNOWN
    return shell.inner(script, arguments=arguments)


def _script_file(shell: "Shell", path: str, arguments: Sequence[str], stdin: str | None) -> str:
    contents = shell.machine.read(shell.path(path))
    if not contents:
        if path in ("/dev/stdin", "/dev/fd/0"):
            return _piped(shell, stdin, arguments)
        if not _SYSTEM_SCRIPTS.match(shell.path(path)):
            shell.machine.say(
                f"{shell.where(shell.line)}: runs a script that is not in the user-data ({base(path)[:60]})"
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
        if content.text == UNKNOWN or content.text == _INSTALLED:
            out = _piped(shell, content.text, ())
        else:
            out = shell.run(content.text, stdin)
    return out


def _eval(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    text = " ".join(argv[1:])
    if text.strip() == UNKNOWN:
        return _piped(shell, text, ())
    return shell.run(text, stdin)


def _su(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    for flag in ("-c", "--command"):
        if flag in argv[:-1]:
            return shell.inner(argv[argv.index(flag) + 1], stdin)
    for word in argv:
        if word.startswith("--command="):
            return shell.inner(word[10:], stdin)
    if base(argv[0]) == "runuser" and "--" in argv:
        return shell.command(argv[argv.index("--") + 1 :] or [":"], stdin)
    if base(argv[0]) == "runuser" and "-u" in argv[:-2]:
        return shell.command(argv[argv.index("-u") + 2 :], stdin)
    return shell.inner(stdin) if stdin else ""


def _in_terminal(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    # screen and tmux: the first word that is a program or holds a command line.
    for at, word in enumerate(argv[1:], 1):
        if " " in word:
            shell.inner(word)
        elif base(word) in ("dockerd", "docker", "socat", "sudo", "bash", "sh", "nohup", "ncat"):
            return shell.command(argv[at:], stdin)
    return ""


def _start_stop_daemon(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    program = ""
    for at, word in enumerate(argv):
        if word in ("--exec", "-x", "--startas", "-a") and at + 1 < len(argv):
            program = argv[at + 1]
        elif word.startswith(("--exec=", "--startas=")):
            program = word.partition("=")[2]
        elif word == "--":
            return shell.command([program or ":", *argv[at + 1 :]], stdin)
    return shell.command([program], stdin) if program else ""


def _trap(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if len(argv) > 2 and argv[1] not in ("-", "--", ""):
        was, shell.maybe = shell.maybe, True
        shell.inner(argv[1])
        shell.maybe = was
    return ""


def _at(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    return shell.inner(stdin) if stdin else ""


# --- Programs that print and pass on ---


def _echo(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    end, escapes = "\n", False
    while rest and re.fullmatch(r"-[neE]+", rest[0]):
        if "n" in rest[0]:
            end = ""
        escapes = "e" in rest[0] or escapes
        rest = rest[1:]
    text = " ".join(rest)
    # dash's echo knows the escapes without -e, bash's does not.
    return (unescape(text) if escapes or "\\n" in text else text) + end


def _printf(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    rest = argv[1:]
    if rest[:1] == ["-v"] and len(rest) > 2:
        shell.variables[rest[1]] = [_formatted(rest[2], rest[3:])]
        return ""
    if rest[:1] == ["--"]:
        rest = rest[1:]
    return _formatted(rest[0], rest[1:]) if rest else ""


_FORMAT = re.compile(r"%(?:%|[-+ #0]*(?:\d{1,4}|\*)?(?:\.(?:\d{1,4}|\*))?([bcdiouxXeEfgGqs]))")


def _formatted(template: str, arguments: list[str]) -> str:
    template = unescape(template)
    takes = sum(1 for found in _FORMAT.finditer(template) if found[1])
    out: list[str] = []
    rest = arguments[:500]
    while True:
        values = iter(rest[:takes])

        def put_in(found: re.Match[str], values: "iter[str]" = values) -> str:  # type: ignore[valid-type]
            if not found[1]:
                return "%"
            value = next(values, "")  # type: ignore[call-overload]
            return unescape(value) if found[1] == "b" else value

        out.append(_FORMAT.sub(put_in, template))
        rest = rest[takes:]
        if not rest or not takes:
            return "".join(out)


def _cat(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[1:] if not (word.startswith("-") and len(word) > 1)]
    if not files:
        return stdin if stdin is not None else ""
    return "".join(stdin or "" if file == "-" else shell.file(file) for file in files)


def _pass_on(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    return stdin if stdin is not None else UNKNOWN


def _head(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[1:] if "/" in word]
    return stdin if stdin is not None else shell.file(files[0]) if files else UNKNOWN


def _translate(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if not stdin:
        return UNKNOWN
    flags = [word for word in argv[1:] if word.startswith("-") and len(word) > 1]
    sets = [unescape(word) for word in argv[1:] if word not in flags]
    if any("d" in flag for flag in flags) and sets:
        return stdin.translate({ord(char): None for char in _characters(sets[0])})
    if len(sets) == 2 and not flags:
        old, new = _characters(sets[0]), _characters(sets[1])
        return stdin.translate({ord(char): new[min(at, len(new) - 1)] for at, char in enumerate(old) if new})
    return stdin


def _characters(text: str) -> str:
    text = (
        text.replace("[:upper:]", "A-Z")
        .replace("[:lower:]", "a-z")
        .replace("[:space:]", " \t\n\r")
        .replace("[:digit:]", "0-9")
    )
    return re.sub(
        r"(.)-(.)",
        lambda found: (
            "".join(map(chr, range(ord(found[1]), min(ord(found[2]), ord(found[1]) + 300) + 1))) or found[0]
        ),
        text[:200],
    )


def _rev(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    return "\n".join(line[::-1] for line in (stdin or "").split("\n"))


def _base64(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    flags = [word for word in argv[1:] if word.startswith("-") and len(word) > 1]
    files = [word for word in argv[1:] if word not in flags and not word.isdigit()]
    if base(argv[0]) == "openssl" and "base64" not in argv and "-base64" not in argv and "-a" not in argv:
        return UNKNOWN
    files = [file for file in files if file not in ("enc", "base64")]
    text = shell.file(files[-1]) if files and files != ["-"] else stdin
    if not text or not any(re.fullmatch(r"-[dDAa]*[dD][dDAai]*|-di|--decode", flag) for flag in flags):
        return UNKNOWN
    if UNKNOWN in text or "${" in text:
        return UNKNOWN
    try:
        data = unbase64(text.encode())
    except (Undecodable, UnicodeEncodeError) as error:
        shell.machine.say(f"{shell.where(shell.line)}: what is decoded here {error}")
        return UNKNOWN
    return _text(shell, data)


def _text(shell: "Shell", data: bytes) -> str:
    # Compressed bytes travel through the pipe as Latin-1, so that gunzip finds them again.
    shell.machine.look_for_keys(data, shell.where(shell.line))
    return data.decode("latin-1") if compression(data) else as_text(data)


def _gunzip(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    name = base(argv[0])
    flags = "".join(word for word in argv[1:] if word.startswith("-"))
    files = [word for word in argv[1:] if not word.startswith("-")]
    if name in ("gzip", "xz", "bzip2") and "d" not in flags:
        return UNKNOWN
    text = shell.file(files[0]) if files else stdin
    if not text or UNKNOWN in text:
        return UNKNOWN
    try:
        unpacked = as_text(decompress(text.encode("latin-1", "replace")))
    except Undecodable as error:
        shell.machine.say(f"{shell.where(shell.line)}: what is unpacked here {error}")
        return UNKNOWN
    if files and name != "zcat" and "c" not in flags:
        shell.write(re.sub(r"\.(?:gz|xz|bz2)$", "", files[0]), unpacked)
        return ""
    return unpacked


def _xxd(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if "r" not in "".join(word for word in argv[1:] if word.startswith("-")) or not stdin:
        return UNKNOWN
    try:
        return _text(shell, bytes.fromhex(re.sub(r"\s", "", stdin)))
    except ValueError:
        return UNKNOWN


def _envsubst(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    def put_in(found: re.Match[str]) -> str:
        values = shell.variables.get(found[1] or found[2])
        return values[-1] if values else found[0]

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", put_in, stdin or "", flags=re.A)


def _jq(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    files = [word for word in argv[2:] if "/" in word or word.endswith(".json")]
    text = shell.file(files[-1]) if files else stdin
    return edits.jq(argv[1:], None if text is None or text == UNKNOWN else text)


# --- Programs that write files ---


def _tee(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    append = any(re.fullmatch(r"-[a-z]*a[a-z]*|--append", word) for word in argv[1:])
    for word in argv[1:]:
        if not word.startswith("-"):
            shell.write(word, stdin if stdin is not None else UNKNOWN, append=append)
    return stdin or ""


def _copy(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    name = base(argv[0])
    words: list[str] = []
    target: str | None = None
    rest = iter(argv[1:])
    directories = False
    for word in rest:
        if word in ("-t", "--target-directory"):
            target = next(rest, None)
        elif word.startswith("--target-directory="):
            target = word.partition("=")[2]
        elif word in ("-m", "-o", "-g", "--mode", "--owner", "--group", "-S"):
            next(rest, None)
        elif word.startswith("-") and len(word) > 1:
            directories = directories or (name == "install" and "d" in word and not word.startswith("--"))
        else:
            words.append(word)
    if directories:
        return ""
    if target is None:
        if len(words) < 2:
            return ""
        target = words.pop()
    for source in words:
        whole = shell.path(target)
        inside = target.endswith("/") or len(words) > 1 or _is_directory(shell, whole)
        path = f"{whole.rstrip('/')}/{base(source)}" if inside else whole
        old = shell.path(source)
        if source in ("/dev/stdin", "-") and stdin is not None:
            shell.write(path, stdin)
        elif name == "ln" or base(source) in ("dockerd", "docker", "socat", *SHELLS):
            if path != old and not old.startswith(path + "/"):
                shell.machine.links[path] = old
        else:
            _copy_files(shell, old, path, move=name == "mv")
    return ""


def _is_directory(shell: "Shell", path: str) -> bool:
    if path in (
        "/etc/docker",
        "/etc/systemd/system",
        "/etc/systemd/system/docker.service.d",
        "/etc/default",
        "/usr/local/bin",
    ):
        return True
    return path not in shell.machine.files and any(
        file.startswith(path.rstrip("/") + "/") for file in shell.machine.files
    )


def _copy_files(shell: "Shell", old: str, new: str, *, move: bool) -> None:
    machine = shell.machine
    where = shell.where(shell.line)
    found = [path for path in machine.files if path == old or path.startswith(old + "/")][:100]
    if not found:
        machine.write(new, machine.stock.get(old, UNKNOWN), where, maybe=shell.maybe)
        return
    for path in found:
        contents = machine.files[path]
        for number, content in enumerate(contents):
            machine.write(new + path[len(old) :], content.text, where, maybe=shell.maybe or number > 0)
    if move:
        machine.remove(old, maybe=shell.maybe)


def _remove(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    for word in argv[1:]:
        if not word.startswith("-"):
            shell.machine.remove(shell.path(word), maybe=shell.maybe or "*" in word)
    return ""


def _sed(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    return edits.sed(shell, argv, stdin)


def _dd(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    operands = dict(word.split("=", 1) for word in argv[1:] if "=" in word)
    text = shell.file(operands["if"]) if "if" in operands else stdin or ""
    if "of" in operands:
        shell.write(operands["of"], text, append="append" in operands.get("oflag", ""))
        return ""
    return text


def _truncate(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    if "0" in argv or "-s0" in argv:
        for word in argv[1:]:
            if "/" in word:
                shell.write(word, "")
    return ""


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


# --- Programs that fetch ---

_INSTALLED: Final = f"{UNKNOWN} of get.docker.com"


def _fetch(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    fetched = _INSTALLED if any(_INSTALLERS.fullmatch(word) for word in argv[1:]) else UNKNOWN
    name = base(argv[0])
    shell.start(argv, shell.where(shell.line))
    target = ""
    for at, word in enumerate(argv[1:], 1):
        following = argv[at + 1] if at + 1 < len(argv) else ""
        if name == "curl":
            if word in ("-o", "--output") or re.fullmatch(r"-[a-zA-Z]*o", word):
                target = following
            elif re.fullmatch(r"-[a-zA-Z]*O[a-zA-Z]*|--remote-name", word):
                target = next((base(url.partition("?")[0]) for url in argv if "://" in url), "")
        elif name == "wget":
            if word == "-O" or re.fullmatch(r"-[a-zA-Z]*O", word) or word == "--output-document":
                target = following
            elif word.startswith(("-O", "--output-document=")):
                target = word.removeprefix("--output-document=").removeprefix("-O")
    if name == "wget" and not target:
        target = next((base(url.partition("?")[0]) for url in argv[1:] if "://" in url), "")
    if name in ("aws", "gsutil", "s3cmd", "scp", "rsync") and len(argv) > 3:
        places = [word for word in argv[1:] if not word.startswith("-")]
        if name != "aws" or "s3" in argv[1:4] or "s3api" in argv[1:4]:
            target = places[-1] if places else ""
            if target in (".", "./") or target.endswith("/"):
                source = next((word for word in places if "://" in word or ":" in word), "")
                target = f"{target.rstrip('/')}/{base(source)}"
            if target.startswith("s3://") or ("sync" not in argv and len(places) < 2):
                target = ""
    if name == "git" and "clone" not in argv:
        return ""
    if not target or target == "-" or target.startswith("/dev/"):
        return fetched
    shell.write(target, fetched)
    return ""


def whole_pipeline(shell: "Shell", nodes: Sequence[Node]) -> None:
    """Looks at programs that only together make a listener: `nc -l ... | nc -U /var/run/docker.sock`."""
    words: list[str] = []
    for node in nodes:
        if isinstance(node, Simple):
            words += ["|", *(field for word in node.words for field in shell.fields(word))]
    if any(base(word) in ("nc", "ncat", "netcat", "socat") for word in words):
        shell.start(words, shell.where(shell.line))


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


def _systemctl(shell: "Shell", argv: list[str], stdin: str | None) -> str:
    words = [word for word in argv[1:] if not word.startswith("-")]
    verb = words[0] if words else ""
    units = [name if "." in base(name) else name + ".service" for name in words[1:]]
    if verb == "edit" and stdin is not None:
        name = next(
            (word.partition("=")[2] for word in argv if word.startswith("--drop-in=")), "override.conf"
        )
        name = name if name.endswith(".conf") else name + ".conf"
        directory = "/run/systemd/system" if "--runtime" in argv else "/etc/systemd/system"
        for unit in units:
            shell.write(f"{directory}/{unit}" + ("" if "--full" in argv else f".d/{name}"), stdin)
    elif verb in ("enable", "link", "reenable"):
        for unit in units:
            if "/" in unit and shell.path(unit) in shell.machine.files:
                _copy_files(shell, shell.path(unit), f"/etc/systemd/system/{base(unit)}", move=False)
    elif verb == "set-environment":
        for word in words[1:]:
            shell.write("/etc/systemd/system.conf.d/environment", word + "\n", append=True)
    shell.start(argv, shell.where(shell.line))
    return ""


_PROGRAMS: Final[dict[str, Callable[["Shell", list[str], str | None], str]]] = {
    "eval": _eval,
    ".": _source,
    "source": _source,
    "su": _su,
    "runuser": _su,
    "screen": _in_terminal,
    "tmux": _in_terminal,
    "script": _su,
    "start-stop-daemon": _start_stop_daemon,
    "trap": _trap,
    "at": _at,
    "batch": _at,
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "tac": _cat,
    "head": _head,
    "tail": _head,
    "sort": _pass_on,
    "uniq": _pass_on,
    "fold": _pass_on,
    "column": _pass_on,
    "unix2dos": _pass_on,
    "dos2unix": _pass_on,
    "grep": _pass_on,
    "egrep": _pass_on,
    "cut": _pass_on,
    "tr": _translate,
    "rev": _rev,
    "base64": _base64,
    "openssl": _base64,
    "gunzip": _gunzip,
    "zcat": _gunzip,
    "gzip": _gunzip,
    "xz": _gunzip,
    "unxz": _gunzip,
    "xzcat": _gunzip,
    "bunzip2": _gunzip,
    "bzcat": _gunzip,
    "bzip2": _gunzip,
    "xxd": _xxd,
    "envsubst": _envsubst,
    "jq": _jq,
    "tee": _tee,
    "sponge": _tee,
    "cp": _copy,
    "mv": _copy,
    "install": _copy,
    "ln": _copy,
    "rm": _remove,
    "unlink": _remove,
    "sed": _sed,
    "gsed": _sed,
    "dd": _dd,
    "truncate": _truncate,
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
    "systemctl": _systemctl,
    "perl": _other,
    "ruby": _other,
    "node": _other,
    "php": _other,
    "lua": _other,
    "awk": _other,
    "gawk": _other,
    **dict.fromkeys(_FETCHERS, _fetch),
}

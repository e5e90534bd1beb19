"""What is fetched from elsewhere, and where it is put: nobody knows what it holds, save for Docker's own installer."""

import re

from ..machine.state import FETCHED_HARMLESS, FETCHED_INSTALLER, UNKNOWN, base, names
from ..shell.port import Scope
from .program import Program, Rows

# Docker's own installers, which open nothing.
_INSTALLERS = re.compile(r"(?:https://)?(?:get|test|experimental)\.docker\.com(?:/(?:rootless|ubuntu)?/?)?")
# AWS's own programs, which have nothing to do with Docker.
_OF_AWS = re.compile(
    r"https://(?:awscli\.amazonaws\.com|amazoncloudwatch-agent[\w.-]*\.amazonaws\.com"
    r"|s3[\w.-]*\.amazonaws\.com/(?:amazon-ssm|amazoncloudwatch-agent|cloudformation-examples|ec2-downloads|session-manager)"
    r"|inspector-agent\.amazonaws\.com|d1wk0tztpsntt1\.cloudfront\.net)[\w./-]*"
)


def _fetch(scope: Scope, argv: list[str], stdin: str | None) -> str:
    fetched = UNKNOWN
    for word in argv[1:]:
        if _INSTALLERS.fullmatch(word):
            fetched = FETCHED_INSTALLER
        elif _OF_AWS.match(word):
            fetched = FETCHED_HARMLESS
    name = base(argv[0])
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
            if {"sync", "--recursive", "-r"} & set(argv) or name == "rsync":
                return _directory(scope, target)
            if target in (".", "./") or target.endswith("/"):
                source = next((word for word in places if "://" in word or ":" in word), "")
                target = f"{target.rstrip('/')}/{base(source)}"
            if "://" in target or len(places) < 2:
                target = ""
    if name == "git":
        return _clone(scope, argv)
    if not target or target == "-" or target.startswith("/dev/"):
        return fetched
    scope.write(target, fetched)
    return ""


def _clone(scope: Scope, argv: list[str]) -> str:
    if "clone" not in argv:
        return UNKNOWN if {"rev-parse", "describe", "log", "show"} & set(argv) else ""
    words = argv[argv.index("clone") + 1 :]
    at = next((at for at, word in enumerate(words) if "/" in word and not word.startswith("-")), None)
    if at is None:
        return ""
    after = [word for word in words[at + 1 :] if not word.startswith("-")]
    return _directory(scope, after[0] if after else base(words[at]).removesuffix(".git"))


def _directory(scope: Scope, target: str) -> str:
    if target and "://" not in target:
        scope.world.fetch_into(scope.path(target), scope.place)
    return ""


PROGRAMS: Rows = dict.fromkeys(
    names("curl wget aws gsutil az gcloud fetch aria2c http s3cmd scp rsync git axel oras skopeo"),
    Program(_fetch),
)

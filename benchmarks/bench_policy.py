"""The policy pack's cost: a large preview, the judging core, and the same groups through Checkov.

The preview runs on the real engine. Its provider is a stand-in that echoes what it is asked (aws-native in
lab/engine/providers/preview.py), so the whole difference between the two previews is the pack; a real provider does
more, and the ratio on it is smaller. Checkov has no check for Docker's ports; it gets one, as its documentation says
how, and runs from a virtual environment of its own in the user's cache.
"""

import ipaddress
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml

from aws_docker.core.addresses import AddressSet
from aws_docker.core.networks import Rule, admits
from aws_docker.policy.configuration import NOBODY
from aws_docker.policy.judges.sources import network_findings
from aws_docker.policy.reading.table import read
from benchmarks.figures import Figure
from lab.engine.cloud import Cloud
from lab.engine.stack import Stack

ROOT = Path(__file__).parent.parent
RESOURCES = 10_000
CHECKOV = "3.3.30"
FLOOR = 50_000
"""Rules a second that the judging core must do at least."""


def figures() -> Iterator[Figure]:
    yield from core_figures()
    yield from preview_figures()
    yield from checkov_figures()


# --- The core ------------------------------------------------------------------------------------------------------


def _rules(count: int) -> list[dict[str, Any]]:
    """Rules as they come: most harmless, one in ten open in one way or another."""
    rules: list[dict[str, Any]] = []
    for number in range(count):
        port = 2375 if number % 10 == 0 else 1 + number % 2000
        cidr = "0.0.0.0/0" if number % 20 == 0 else f"10.{number % 256}.{number // 256 % 32}.0/24"
        rules.append(
            {
                "protocol": ("tcp", "6", "-1", "udp")[number % 4],
                "from": port,
                "to": port + 10,
                "cidrs": [cidr],
            }
        )
    return rules


def _judge(rules: list[dict[str, Any]]) -> int:
    trusted = AddressSet.of(["10.0.0.0/9"])
    open_rules = 0
    for rule in rules:
        core = Rule.of(rule["protocol"], rule["from"], rule["to"], cidrs=rule["cidrs"])
        if admits(core, 2375) or (admits(core, 2376) and not core.addresses <= trusted):
            open_rules += 1
    return open_rules


def _compare_text(rules: list[dict[str, Any]]) -> int:
    """What packs in AWSGuard's style do: compare ports as numbers and networks as text."""
    open_rules = 0
    for rule in rules:
        if rule["from"] <= 2375 <= rule["to"] and any(
            each in ("0.0.0.0/0", "::/0") for each in rule["cidrs"]
        ):
            open_rules += 1
    return open_rules


def _compare_networks(rules: list[dict[str, Any]]) -> int:
    """The plain way to judge them by meaning with the standard library."""
    trusted = ipaddress.ip_network("10.0.0.0/9")
    open_rules = 0
    for rule in rules:
        if rule["protocol"] not in ("tcp", "6", "-1"):
            continue
        for port in (2375, 2376):
            if rule["protocol"] == "-1" or rule["from"] <= port <= rule["to"]:
                networks = [ipaddress.ip_network(each) for each in rule["cidrs"]]
                if port == 2375 or not all(each.subnet_of(trusted) for each in networks):  # type: ignore[arg-type]
                    open_rules += 1
                    break
    return open_rules


def core_figures() -> Iterator[Figure]:
    rules = _rules(100_000)
    ours = len(rules) / _median(lambda: _judge(rules))
    unit = "rules/s"
    yield Figure("policy core, rules judged", ours, FLOOR, "the floor", unit, True, bound=1)
    if _judge(rules) != _compare_networks(rules):
        raise RuntimeError("the two judgements differ")
    peer = len(rules) / _median(lambda: _compare_networks(rules))
    yield Figure("policy core, against ipaddress alone", ours, peer, "ipaddress", unit, True)
    groups = [
        {"ingress": [_as_engine(rule) for rule in rules[at : at + 4]]} for at in range(0, len(rules), 4)
    ]
    whole = len(rules) / _median(lambda: _read_and_judge(groups))
    yield Figure("policy, rules read and judged", whole, FLOOR, "the floor", unit, True)
    peer = len(rules) / _median(lambda: _compare_text(rules))
    yield Figure("policy core, against AWSGuard's style", ours, peer, "text comparison", unit, True)


def _as_engine(rule: dict[str, Any]) -> dict[str, Any]:
    ports = {"fromPort": float(rule["from"]), "toPort": float(rule["to"])}
    return {"protocol": rule["protocol"], **ports, "cidrBlocks": rule["cidrs"]}


def _read_and_judge(groups: list[dict[str, Any]]) -> int:
    found = 0
    for group in groups:
        facts = read("aws:ec2/securityGroup:SecurityGroup", group)
        assert facts is not None
        found += sum(1 for _ in network_findings(facts, 2375, NOBODY))
    return found


def _median(run: Callable[[], object], times: int = 5) -> float:
    # Processor time: what else the machine does is none of the core's.
    taken: list[float] = []
    for _ in range(times):
        started = time.process_time()
        run()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


# --- A large preview -----------------------------------------------------------------------------------------------

_PROGRAM = """
import pulumi

for number in range(%d):
    if number %% 10:
        pulumi.CustomResource("aws-native:s3:Bucket", f"bucket-{number}", {
            "bucketName": f"bucket-{number}",
            "tags": [{"key": "team", "value": "platform"}, {"key": "number", "value": str(number)}],
            "versioningConfiguration": {"status": "Enabled"},
        })
    else:
        pulumi.CustomResource("aws-native:ec2:SecurityGroup", f"group-{number}", {
            "groupDescription": f"group {number}",
            "securityGroupIngress": [
                {"ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIp": f"10.{number %% 250}.0.0/16"}
                for port in (22, 80, 443, 8080)
            ],
        })
"""
_EMPTY_PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

PolicyPack("empty", policies=[ResourceValidationPolicy("nothing", "Asks nothing.", lambda args, report: None)])
"""


def preview_figures(count: int = RESOURCES) -> Iterator[Figure]:
    spent: dict[str, list[tuple[float, float]]] = {"empty": [], "policy": []}
    with tempfile.TemporaryDirectory(prefix="dockerhost-bench-") as made:
        folder = Path(made)
        program, pack = folder / "program", folder / "empty"
        for path, text in ((program, _PROGRAM % count), (pack, _EMPTY_PACK)):
            path.mkdir()
            (path / "__main__.py").write_text(text)
        (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
        nowhere = cast(
            Cloud, SimpleNamespace(region="x", access_key="x", secret_key="x", endpoint="http://127.0.0.1:9")
        )
        with Stack(nowhere, program) as stack:
            settings = stack.folder / "Pulumi.yaml"
            project = yaml.safe_load(settings.read_text())
            plugin = {"name": "aws-native", "path": str(ROOT / "lab/engine/plugins/preview-aws-native")}
            project["plugins"] = {"providers": [plugin]}
            settings.write_text(yaml.safe_dump(project))
            # In this order, so that a machine that gets busier slows both down alike.
            for used in (pack, ROOT / "policy", ROOT / "policy", pack):
                spent[used.name].append(_preview(stack, used, count))
    name = f"preview of {count:,} resources with the pack"
    for index, what in enumerate(("time", "processor time")):
        ours, empty = (sum(each[index] for each in spent[of]) / 2 for of in ("policy", "empty"))
        yield Figure(f"{name}, {what}", ours, empty, "an empty pack", bound=1.25)


def _preview(stack: Stack, pack: Path, count: int) -> tuple[float, float]:
    """Seconds that pass, and those that the engine, the program and the plugins compute."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    result = stack.preview("--policy-pack", str(pack), "--suppress-progress", "--suppress-outputs").check()
    passed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.changes.get("create") != count + 1:
        raise RuntimeError(f"the preview planned {result.changes}")
    return passed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# --- Checkov -------------------------------------------------------------------------------------------------------

_CHECK = """
from checkov.common.models.enums import CheckCategories
from checkov.terraform.checks.resource.aws import AbsSecurityGroupUnrestrictedIngress as base

class Docker(base.AbsSecurityGroupUnrestrictedIngress):
    def __init__(self):
        super().__init__(check_id="CKV_X_2375", port=2375)

check = Docker()
"""


def checkov_figures() -> Iterator[Figure]:
    checkov = _checkov()
    for count in (1_000, 10_000):
        with tempfile.TemporaryDirectory(prefix="dockerhost-bench-") as made:
            folder = Path(made)
            expected = _write_groups(folder, count)
            started = time.perf_counter()
            found = _ours(folder)
            ours = time.perf_counter() - started
            if found != expected:
                raise RuntimeError(f"we found {found} of {expected} open groups")
            started = time.perf_counter()
            found = _theirs(checkov, folder)
            theirs = time.perf_counter() - started
            name = f"{count:,} groups of 4 rules, process start included; Checkov finds {found:,} of {expected:,} open"
            yield Figure(name, ours, theirs, f"Checkov {CHECKOV}", bound=1)


def _write_groups(folder: Path, count: int) -> int:
    """The same groups for both: files of 1,000, since Checkov drops a file that takes it 10 s to parse."""
    (folder / "terraform").mkdir()
    (folder / "checks").mkdir()
    (folder / "checks" / "docker.py").write_text(_CHECK)
    (folder / "checks" / "__init__.py").write_text("")
    groups: list[dict[str, Any]] = []
    for number in range(count):
        sources = [("10.0.0.0/8", port) for port in (22, 80, 443)]
        # Half of the open ones as text comparison sees them, half split in two.
        sources.append(
            ("0.0.0.0/1" if number % 20 else "0.0.0.0/0", 2375) if number % 10 == 0 else ("10.0.0.0/8", 8080)
        )
        groups.append(
            {
                "ingress": [
                    {"protocol": "tcp", "fromPort": port, "toPort": port, "cidrBlocks": [cidr]}
                    for cidr, port in sources
                ]
            }
        )
    (folder / "groups.json").write_text(json.dumps(groups))
    for start in range(0, count, 1_000):
        blocks = [
            f'resource "aws_security_group" "g{start + offset}" {{\n'
            + "".join(
                f'  ingress {{\n    protocol = "tcp"\n    from_port = {rule["fromPort"]}\n'
                f"    to_port = {rule['toPort']}\n"
                f"    cidr_blocks = {json.dumps(rule['cidrBlocks'])}\n  }}\n"
                for rule in group["ingress"]
            )
            + "}\n"
            for offset, group in enumerate(groups[start : start + 1_000])
        ]
        (folder / "terraform" / f"groups{start}.tf").write_text("\n".join(blocks))
    return sum(number % 10 == 0 for number in range(count))


_OURS = """
import json, sys
from aws_docker.policy import docker_no_2375
from aws_docker.policy.testing import analyze

groups = json.load(open(sys.argv[1]))
kind = "aws:ec2/securityGroup:SecurityGroup"
print(sum(bool(analyze(docker_no_2375, kind, group).violations) for group in groups))
"""


def _ours(folder: Path) -> int:
    command = [sys.executable, "-c", _OURS, str(folder / "groups.json")]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _theirs(checkov: Path, folder: Path) -> int:
    command = [
        str(checkov),
        "-m",
        "checkov.main",
        "-d",
        "terraform",
        "--framework",
        "terraform",
        "-o",
        "json",
        "--skip-download",
    ]
    command += ["--external-checks-dir", "checks", "-c", "CKV_X_2375", "--compact", "--quiet"]
    environment = {**os.environ, "LOG_LEVEL": "ERROR"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    try:
        return int(json.loads(ran.stdout)["summary"]["failed"])
    except (ValueError, KeyError, TypeError):
        raise RuntimeError(f"Checkov failed: {ran.stdout[-500:]} {ran.stderr[-1500:]}") from None


def _checkov() -> Path:
    """The Python that Checkov is installed for, apart from the project's; installed first if it is missing."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "pulumi-aws-docker" / f"checkov-{CHECKOV}"
    if not folder.exists():
        # Under another name until it is whole.
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
        venv.create(unfinished, with_pip=True)
        pip = [str(unfinished / "bin" / "python"), "-m", "pip", "install", "--quiet", f"checkov=={CHECKOV}"]
        subprocess.run(pip, check=True)
        unfinished.rename(folder)
    return folder / "bin" / "python"

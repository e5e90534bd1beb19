"""Runs the policy pack on the real engine, as `pulumi preview --policy-pack` does."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml

from lab.engine.cloud import Cloud
from lab.engine.stack import Result, Stack
from tests.policy.corpus import Case

ROOT = Path(__file__).parent.parent.parent
PACK = ROOT / "policy"

# No cloud is reached by a preview of new resources.
NO_CLOUD = cast(
    Cloud,
    SimpleNamespace(region="eu-central-1", access_key="x", secret_key="x", endpoint="http://127.0.0.1:9"),
)

RAW_PROGRAM = """
import json, pathlib
import pulumi

for case in json.loads((pathlib.Path(__file__).parent / "resources.json").read_text()):
    kind, name, properties = case["type"], case["name"], case["properties"]
    if kind.startswith("pulumi:providers:"):
        pulumi.ProviderResource(kind.rpartition(":")[2], name, properties)
        continue
    if "source" in properties:
        properties["source"] = pulumi.StringAsset(properties["source"]["text"])
    pulumi.CustomResource(kind, name, properties, pulumi.ResourceOptions(ignore_changes=case["ignore_changes"]))
"""


@dataclass
class Reported:
    """What the pack said in one run."""

    result: Result
    findings: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    """By resource name (or "" for the stack), then by policy."""

    def policies(self, name: str, level: str | None = None) -> set[str]:
        found = self.findings.get(name, {})
        return {
            policy
            for policy, events in found.items()
            if level is None or any(event["enforcementLevel"] == level for event in events)
        }

    def messages(self, name: str, policy: str) -> str:
        return "\n".join(event["message"] for event in self.findings.get(name, {}).get(policy, []))

    @property
    def text(self) -> str:
        return self.result.text


def preview_plugins(stack: Stack) -> None:
    """Lets the stack plan every kind of resource, of aws and of aws-native."""
    path = stack.folder / "Pulumi.yaml"
    project = yaml.safe_load(path.read_text())
    folder = ROOT / "lab" / "engine" / "plugins"
    project["plugins"] = {
        "providers": [
            {"name": "aws", "path": str(folder / "preview-aws")},
            *(
                {"name": name, "path": str(folder / f"preview-{name}")}
                for name in ("aws-native", "command", "docker")
            ),
            {"name": "tls", "path": str(folder / "tls")},
        ]
    }
    path.write_text(yaml.safe_dump(project))


def run(
    stack: Stack,
    operation: str = "preview",
    *arguments: str,
    config: Mapping[str, Any] | None = None,
    pack: Path = PACK,
) -> Reported:
    """Runs an operation with a policy pack; `config` is the pack's."""
    extra = ["--policy-pack", str(pack), *arguments]
    if config is not None:
        path = stack.folder / "policy-config.json"
        path.write_text(json.dumps(config))
        extra += ["--policy-pack-config", str(path)]
    result = getattr(stack, operation)(*extra)
    findings: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    log = stack.folder / "events"
    for line in log.read_text().splitlines() if log.exists() else []:
        event = json.loads(line).get("policyEvent")
        if event:
            urn = event.get("resourceUrn", "")
            name = "" if "pulumi:pulumi:Stack" in urn.rsplit("::", 2)[-2:][0] else urn.rsplit("::", 1)[-1]
            findings[name][event["policyName"]].append(event)
    return Reported(result, findings)


def write_cases(folder: Path, cases: Iterable[Case]) -> Path:
    """A program that asks for these resources as they stand."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__main__.py").write_text(RAW_PROGRAM)
    listed = [each._asdict() | {"policies": sorted(each.policies)} for each in cases]
    (folder / "resources.json").write_text(json.dumps(listed))
    return folder


def preview_cases(
    folder: Path, cases: Iterable[Case], config: Mapping[str, Any] | None = None, pack: Path = PACK
) -> Reported:
    program = write_cases(folder / "program", cases)
    (folder / "stack").mkdir(exist_ok=True)
    with Stack(NO_CLOUD, program, folder=folder / "stack") as stack:
        preview_plugins(stack)
        return run(stack, config=config, pack=pack)

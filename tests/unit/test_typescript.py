"""The SDK that Pulumi generates for TypeScript: programs compile, and the compiler knows what the component takes."""

from pathlib import Path

import pytest

from lab.engine import typescript
from tests.conftest import ROOT

PROGRAM = """
import * as docker from "./sdk";

new docker.DockerHost("local");
new docker.DockerHost("local", {});
const build = new docker.DockerHost("build", {
    trustedCidrs: ["10.0.5.0/24"],
    clients: ["alice", "ci"],
    os: docker.OperatingSystem.DEBIAN_13,
    dataVolumeSize: 100,
    daemonOptions: { "registry-mirrors": ["https://mirror.example.com"] },
    tags: { team: "platform" },
});
export const endpoint = build.endpoint.apply((told) => told?.toUpperCase());
export const alice = build.clientKeyMaterials.apply((keys) => keys["alice"]);
// @ts-expect-error: there is no such argument
new docker.DockerHost("typing-error", { trustedCidr: ["10.0.5.0/24"] });
// @ts-expect-error: a system that there is not
new docker.DockerHost("no-system", { os: "windows" });
// @ts-expect-error: a list
new docker.DockerHost("no-list", { trustedCidrs: "10.0.5.0/24" });
"""


@pytest.mark.requires("typescript")
def test_programs_compile_and_every_argument_may_be_left_out(tmp_path: Path) -> None:
    assert typescript.compiled(ROOT / "schema.json", PROGRAM, tmp_path) == ""

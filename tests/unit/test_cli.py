"""The command as its users run it: what it prints and writes, and how it fails."""

import json
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.engine import toolchain
from tests.unit.stand import Api, Stand, refused

# --- What is printed and written ------------------------------------------------------------------------------------


def test_pulumi_is_asked_for_the_stack_that_was_named(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    stand.aws_docker("env", "--stack", "acme/dev", "--cwd", "project", "--json")
    asked = (stand.home / "asked").read_text()
    assert asked == ("--non-interactive stack output --json --show-secrets --stack acme/dev --cwd project\n")


def test_env_as_json_names_a_private_folder(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    done = stand.aws_docker("env", "--json")
    variables = json.loads(done.out)
    folder = Path(variables["DOCKER_CERT_PATH"])
    assert variables == {
        "DOCKER_HOST": api.outputs["endpoint"],
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(folder),
    }
    assert folder.is_relative_to(stand.home / ".docker" / "aws-docker")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "key.pem").read_text() == api.outputs["key_material"]


def test_bundle_as_json_names_the_files(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    done = stand.aws_docker("bundle", "certs", "--client", "ci", "--json")
    assert json.loads(done.out) == {
        "endpoint": api.outputs["endpoint"],
        "client": "ci",
        "folder": "certs",
        "ca": "certs/ca.pem",
        "cert": "certs/cert.pem",
        "key": "certs/key.pem",
    }


def test_context_as_json_names_the_file(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    done = stand.aws_docker("context", "--file", "c.tar", "--json")
    assert json.loads(done.out) == {"endpoint": api.outputs["endpoint"], "client": "alice", "file": "c.tar"}
    assert stat.S_IMODE((stand.home / "c.tar").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "arguments",
    [
        ["env", "--shell", "sh"],
        ["env", "--json"],
        ["bundle", "certs"],
        ["bundle", "certs", "--json"],
        ["context", "--file", "c.tar"],
        ["context", "--file", "c.tar", "--json"],
    ],
    ids=" ".join,
)
def test_no_key_is_printed(stand: Stand, api: Api, arguments: list[str]) -> None:
    stand.put_out(api.outputs)
    done = stand.aws_docker(*arguments)
    assert done.status == 0
    assert "PRIVATE KEY" not in done.out + done.err


def test_a_terminal_gets_no_archive(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        ["aws-docker", "context"], env=stand.environment, stdout=theirs, stderr=subprocess.PIPE, check=False
    )
    os.close(theirs)
    try:
        printed = os.read(ours, 1000)
    except OSError:  # Linux's answer where nothing was written
        printed = b""
    os.close(ours)
    assert printed == b""
    assert done.returncode == 1
    assert b"holds a private key, which is not printed; pipe it" in done.stderr


def test_json_needs_a_file_to_describe(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    assert "holds a private key, which is not printed; pipe it" in refused(
        stand.aws_docker("context", "--json")
    )


@pytest.mark.parametrize(
    ("shell", "first"),
    [
        ("zsh", "unset DOCKER_HOST;"),
        ("fish", "begin;"),
        ("powershell", "Remove-Item -ErrorAction Ignore Env:DOCKER_HOST"),
        ("cmd", "REM for cmd alone"),
    ],
)
def test_a_shell_can_be_named(stand: Stand, shell: str, first: str) -> None:
    assert stand.aws_docker("env", "--unset", "--shell", shell).out.splitlines()[0] == first


def test_the_shell_that_asks_is_written_for_whatever_the_login_shell(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    stand.environment["SHELL"] = "/usr/bin/fish"
    done = stand.run("bash", "-c", 'set -e; eval "$(aws-docker env)"; echo "$DOCKER_HOST"')
    assert (done.status, done.out, done.err) == (0, api.outputs["endpoint"] + "\n", "")


def test_a_script_ends_where_env_fails(stand: Stand) -> None:
    stand.put_out({})
    done = stand.run("bash", "-c", 'set -e; eval "$(aws-docker env)"; echo would use the old daemon')
    assert (done.status, done.out) == (1, "")
    assert "the stack puts out no host" in done.err


# --- Proxies --------------------------------------------------------------------------------------------------------


def test_no_proxy_adds_the_host_to_those_that_are_reached_directly(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    stand.environment |= {"NO_PROXY": "example.com, 10.0.0.1"}
    variables = json.loads(stand.aws_docker("env", "--no-proxy", "--json").out)
    assert variables["NO_PROXY"] == "example.com,10.0.0.1,127.0.0.1"
    assert "no_proxy" not in variables  # which nobody set, and Python would prefer
    stand.environment |= {"no_proxy": "internal", "NO_PROXY": "127.0.0.1"}
    variables = json.loads(stand.aws_docker("env", "--no-proxy", "--json").out)
    assert (variables["NO_PROXY"], variables["no_proxy"]) == ("127.0.0.1", "internal,127.0.0.1")


def test_no_proxy_is_taken_back(stand: Stand) -> None:
    stand.environment |= {"DOCKER_HOST": "tcp://[2001:db8::5]:2376", "NO_PROXY": "example.com,2001:db8::5"}
    variables = json.loads(stand.aws_docker("env", "--unset", "--no-proxy", "--json").out)
    assert variables["NO_PROXY"] == "example.com"
    stand.environment["NO_PROXY"] = "2001:db8::5"
    assert "unset NO_PROXY;" in stand.aws_docker("env", "--unset", "--no-proxy", "--shell", "sh").out


def test_a_proxy_in_the_way_is_said(stand: Stand, api: Api) -> None:
    stand.put_out({**api.outputs, "endpoint": "tcp://10.0.5.10:2376"})
    assert stand.aws_docker("env", "--shell", "sh").err == ""
    stand.environment["HTTPS_PROXY"] = "http://proxy.example.com:3128"
    assert "would ask it for 10.0.5.10: add --no-proxy" in stand.aws_docker("env", "--shell", "sh").err
    assert stand.aws_docker("env", "--shell", "sh", "--no-proxy").err == ""
    stand.environment["NO_PROXY"] = "10.0.5.10"
    assert stand.aws_docker("env", "--shell", "sh").err == ""


# --- Outputs from elsewhere -----------------------------------------------------------------------------------------


def test_outputs_on_standard_input_need_no_pulumi(stand: Stand, api: Api) -> None:
    (stand.home / "outputs.json").write_text(json.dumps(api.outputs))
    script = "aws-docker bundle certs --client ci --from - < outputs.json"
    done = stand.run("bash", "-c", script)
    assert (done.status, done.err) == (0, "")
    assert (stand.home / "certs" / "key.pem").read_text() == api.outputs["client_key_materials"]["ci"]
    assert stand.aws_docker("bundle", "more", "--client", "ci", "--from", "outputs.json").status == 0


@pytest.mark.parametrize("text", ["", "no JSON: -----BEGIN", "[1]"])
def test_what_is_no_map_of_outputs_is_refused_and_not_shown(stand: Stand, text: str) -> None:
    (stand.home / "outputs.json").write_text(text)
    line = refused(stand.aws_docker("bundle", "certs", "--from", "outputs.json"))
    assert "outputs.json holds no" in line
    assert "give it what `pulumi stack output --json --show-secrets` prints" in line
    assert "BEGIN" not in line


def test_a_file_of_outputs_and_a_stack_exclude_each_other(stand: Stand) -> None:
    line = refused(stand.aws_docker("bundle", "certs", "--from", "-", "--stack", "dev"))
    assert "--from reads a file, --stack and --cwd ask pulumi; leave one out" in line


# --- Failing --------------------------------------------------------------------------------------------------------


def test_without_pulumi(stand: Stand) -> None:
    line = refused(stand.aws_docker("env"))
    assert "`pulumi` is not on PATH; install it: https://www.pulumi.com/docs/install/" in line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            "error: no Pulumi.yaml project file found (searching upwards from /x). If you have not created one, ...\n",
            "no Pulumi.yaml project file found.*; run it in the project's folder, or name that with --cwd",
        ),
        ("warning: old\nerror: no stack named 'x' found\n", "pulumi: no stack named 'x' found; name a stack"),
        (
            "error: getting secrets manager: passphrase must be set with PULUMI_CONFIG_PASSPHRASE\n",
            "passphrase must be set .*; set PULUMI_CONFIG_PASSPHRASE or",
        ),
        ("", "no reason was given"),
    ],
)
def test_what_pulumi_refuses(stand: Stand, message: str, line: str) -> None:
    stand.refuse(message)
    assert re.search(line, refused(stand.aws_docker("env", "--stack", "x")))


def test_a_local_host(stand: Stand) -> None:
    stand.put_out({"endpoint": None, "instance_id": "i-1"})
    assert "is local only; give DockerHost trusted_cidrs" in refused(stand.aws_docker("env"))


def test_a_folder_that_cannot_be_written(stand: Stand, api: Api) -> None:
    stand.put_out(api.outputs)
    assert refused(stand.aws_docker("context", "--file", "absent/c.tar")) == (
        "aws-docker: absent/c.tar: No such file or directory"
    )


@pytest.mark.parametrize("arguments", [["env", "--shell", "csh"], ["bundle"], ["probe"]])
def test_a_wrong_command_line(stand: Stand, arguments: list[str]) -> None:
    done = stand.aws_docker(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "Usage: aws-docker" in done.err


def test_without_the_extra(stand: Stand) -> None:
    without_typer = "import sys; sys.modules['typer'] = None; from aws_docker.cli import main; main()"
    done = stand.run(sys.executable, "-c", without_typer)
    assert refused(done).startswith(
        "aws-docker: the module typer is missing; run: pip install 'aws-docker[cli] @ "
    )


def test_without_the_sdk_of_aws_the_other_commands_work_and_a_check_is_not_a_finding(
    stand: Stand, api: Api
) -> None:
    stand.put_out(api.outputs)
    without = "import sys; sys.modules |= {'boto3': None, 'botocore': None}; from aws_docker.cli import main; main()"
    for arguments in (["--help"], ["audit", "--help"], ["bundle", "certs"]):
        with_arguments = without.replace("import sys;", f"import sys; sys.argv[1:] = {arguments};")
        assert stand.run(sys.executable, "-c", with_arguments).status == 0
    done = stand.run(
        sys.executable, "-c", without.replace("import sys;", "import sys; sys.argv[1:] = ['audit'];")
    )
    assert (done.status, done.out) == (2, "")
    assert "the module boto3 is missing; run: pip install 'aws-docker[audit] @ " in done.err


# --- The real `pulumi` ----------------------------------------------------------------------------------------------


@pytest.fixture
def real_stack(stand: Stand) -> Callable[[dict[str, Any]], None]:
    """Puts outputs into a stack of the real CLI, secret where the component makes them so."""
    (stand.home / "Pulumi.yaml").write_text("name: demo\nruntime: python\n")
    (stand.home / "state").mkdir()
    (stand.home / "bin").mkdir()
    (stand.home / "bin" / "pulumi").symlink_to(toolchain.ensure())
    stand.environment |= {
        "PULUMI_BACKEND_URL": f"file://{stand.home}/state",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_HOME": str(stand.home / ".pulumi"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }

    def fill(outputs: dict[str, Any]) -> None:
        assert stand.run("pulumi", "stack", "init", "dev").status == 0
        exported = json.loads(stand.run("pulumi", "stack", "export").out)
        secret = "4dabf18193072939515e22adb298388d"
        exported["deployment"]["resources"] = [
            {
                "urn": "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev",
                "custom": False,
                "type": "pulumi:pulumi:Stack",
                "outputs": {
                    name: {secret: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}
                    if "key" in name
                    else value
                    for name, value in outputs.items()
                },
            }
        ]
        (stand.home / "deployment.json").write_text(json.dumps(exported))
        imported = stand.run("pulumi", "stack", "import", "--file", "deployment.json")
        assert imported.status == 0, imported.err

    return fill


@pytest.mark.requires("pulumi")
class TestWithPulumi:
    def test_secret_outputs_arrive(
        self, stand: Stand, api: Api, real_stack: Callable[[dict[str, Any]], None]
    ) -> None:
        real_stack(api.outputs)
        done = stand.aws_docker("bundle", "certs", "--stack", "dev", "--client", "ci")
        assert (done.status, done.err) == (0, "")
        assert (stand.home / "certs" / "key.pem").read_text() == api.outputs["client_key_materials"]["ci"]

    def test_the_clis_refusals_are_passed_on(
        self, stand: Stand, api: Api, real_stack: Callable[[dict[str, Any]], None]
    ) -> None:
        real_stack(api.outputs)
        assert "no stack named 'prod' found" in refused(stand.aws_docker("env", "--stack", "prod"))
        del stand.environment["PULUMI_CONFIG_PASSPHRASE"]
        assert "; set PULUMI_CONFIG_PASSPHRASE or" in refused(stand.aws_docker("env", "--stack", "dev"))
        (stand.home / "Pulumi.yaml").unlink()
        assert "; run it in the project's folder, or name that with --cwd" in refused(stand.aws_docker("env"))

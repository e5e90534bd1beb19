"""Which of a stack's outputs a client gets, what it is told when they are not there, and the forms they take."""

import io
import json
import re
import subprocess
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_docker.cli.connection import (
    Connection,
    Shell,
    context_archive,
    environment,
    find_connection,
    render_environment,
)
from aws_docker.cli.errors import CommandError


def pem(name: str) -> str:
    return f"-----BEGIN {name}-----\n"


HOST = {
    "endpoint": "tcp://10.0.5.10:2376",
    "ca_material": pem("CA"),
    "cert_material": pem("ALICE CERTIFICATE"),
    "key_material": pem("ALICE KEY"),
    "client_cert_materials": {"alice": pem("ALICE CERTIFICATE"), "ci": pem("CI CERTIFICATE")},
    "client_key_materials": {"alice": pem("ALICE KEY"), "ci": pem("CI KEY")},
}
ALICE = Connection("tcp://10.0.5.10:2376", "alice", pem("CA"), pem("ALICE CERTIFICATE"), pem("ALICE KEY"))
CI = Connection("tcp://10.0.5.10:2376", "ci", pem("CA"), pem("CI CERTIFICATE"), pem("CI KEY"))


def without(*names: str) -> dict[str, object]:
    return {name: value for name, value in HOST.items() if name not in names}


def test_a_host_among_the_stacks_own_outputs() -> None:
    assert find_connection({**HOST, "vpc_id": "vpc-1"}, None, None) == ALICE


def test_a_client_by_name() -> None:
    assert find_connection(HOST, None, "ci") == CI


def test_the_only_client_needs_no_name() -> None:
    maps = {
        "client_cert_materials": {"ci": pem("CI CERTIFICATE")},
        "client_key_materials": {"ci": pem("CI KEY")},
    }
    assert find_connection({**without("cert_material", "key_material"), **maps}, None, None) == CI


def test_a_first_client_without_maps_has_no_name_of_its_own() -> None:
    found = find_connection(without("client_cert_materials", "client_key_materials"), None, None)
    assert (found.client, found.key) == ("default", pem("ALICE KEY"))


def test_a_host_in_one_output() -> None:
    assert find_connection({"build": HOST, "note": "text"}, None, None) == ALICE
    assert find_connection({"build": HOST, "other": {**HOST, "endpoint": "tcp://x:1"}}, "build", "ci") == CI


def test_outputs_in_camel_case() -> None:
    other_language = {
        "endpoint": HOST["endpoint"],
        "caMaterial": HOST["ca_material"],
        "clientCertMaterials": HOST["client_cert_materials"],
        "clientKeyMaterials": HOST["client_key_materials"],
    }
    assert find_connection({"build": other_language}, None, "ci") == CI


@pytest.mark.parametrize(
    ("outputs", "output", "client", "said"),
    [
        ({}, None, None, "puts out no host; export endpoint, ca_material, cert_material and key_material"),
        ({"a": HOST, "b": HOST}, None, None, "several hosts: a, b; choose one with --output"),
        ({"a": HOST}, "b", None, "output 'b' holds no host; those that do: a"),
        ({**HOST, "endpoint": None}, None, None, "is local only; give DockerHost trusted_cidrs"),
        (without("endpoint"), None, None, "is local only"),
        (without("ca_material"), None, None, "ca_material is not among the stack's outputs as PEM"),
        ({**HOST, "ca_material": "[secret]"}, None, None, "ca_material is not among"),
        (without("key_material"), None, None, "the client's key is not among"),
        (without("cert_material", "key_material"), None, None, "several clients: alice, ci; choose one with"),
        (
            HOST,
            None,
            "bob",
            "no client 'bob' in client_cert_materials and client_key_materials; those put out: alice",
        ),
        (without("client_key_materials"), None, "ci", "no client 'ci'"),
        ({"endpoint": "tcp://x:1", "ca_material": pem("CA")}, None, None, "puts out no client's certificate"),
    ],
)
def test_what_is_missing_is_named(outputs: dict, output: str | None, client: str | None, said: str) -> None:
    with pytest.raises(CommandError) as refused:
        find_connection(outputs, output, client)
    assert said in str(refused.value)


def test_a_connections_text_shows_no_key() -> None:
    assert "KEY" not in repr(ALICE)


def test_the_variables_of_docker() -> None:
    assert environment(ALICE, "/certs") == {
        "DOCKER_HOST": "tcp://10.0.5.10:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/certs",
    }


AWKWARD = 'it\'s "a" $HOME `id` \\ ; & folder\nwith two lines'


@pytest.mark.parametrize("shell", [Shell.sh, Shell.bash])
def test_a_shell_reads_back_what_was_written(shell: Shell) -> None:
    setting = render_environment({"DOCKER_CERT_PATH": AWKWARD}, shell)
    unsetting = render_environment({"DOCKER_CERT_PATH": None}, shell)
    for script, expected in ((setting, AWKWARD), (setting + unsetting, "")):
        printed = subprocess.run(
            [shell.value, "-c", script + "printenv DOCKER_CERT_PATH"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert printed.stderr == ""
        assert printed.stdout.removesuffix("\n") == expected


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_quotes_of_fish_and_powershell_close_only_at_the_end(value: str) -> None:
    # fish: inside single quotes only \' and \\ are escapes. PowerShell: only '' is one.
    fish = render_environment({"X": value}, Shell.fish)
    inner = fish.removeprefix("set --global --export X '").removesuffix("';\n")
    assert re.fullmatch(r"(?:[^'\\]|\\['\\])*", inner)
    assert re.sub(r"\\(['\\])", r"\1", inner) == value

    powershell = render_environment({"X": value}, Shell.powershell)
    inner = powershell.removeprefix("$Env:X = '").removesuffix("'\n")
    assert re.fullmatch(r"(?:[^']|'')*", inner)
    assert inner.replace("''", "'") == value


def test_a_context_has_docker_s_own_layout() -> None:
    with tarfile.open(fileobj=io.BytesIO(context_archive(CI))) as tar:
        content = {member.name: tar.extractfile(member).read().decode() for member in tar.getmembers()}  # type: ignore[union-attr]
    metadata = json.loads(content.pop("meta.json"))
    assert metadata["Endpoints"] == {"docker": {"Host": "tcp://10.0.5.10:2376", "SkipTLSVerify": False}}
    assert content == {
        "tls/docker/ca.pem": pem("CA"),
        "tls/docker/cert.pem": pem("CI CERTIFICATE"),
        "tls/docker/key.pem": pem("CI KEY"),
    }

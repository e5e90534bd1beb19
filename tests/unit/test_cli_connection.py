"""Which of a stack's outputs a client gets, what it is told when they are not there, and the forms they take."""

import io
import json
import tarfile
from typing import Any

import pytest

from aws_docker.cli.connection import Connection, environment, every_connection, find_connection
from aws_docker.cli.contexts import context_archive
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


def spelled(outputs: Any, first: str) -> Any:
    """Outputs in camel case (`first` is lower) or Pascal case (`first` is title), all the way down."""
    if isinstance(outputs, dict):
        return {_spelled(name, first): spelled(value, first) for name, value in outputs.items()}
    return outputs


def _spelled(name: str, first: str) -> str:
    if name not in HOST and not name.endswith("s"):
        return name  # a host or a client, which keeps its name
    head, *rest = name.split("_")
    return getattr(head, first)() + "".join(word.title() for word in rest)


OTHER = {**HOST, "endpoint": "tcp://10.0.6.10:2376"}
# Two hosts, a and b, in the forms in which programs put them out, and the paths by which `--output` names them.
FORMS: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "exported components": ({"a": HOST, "b": OTHER, "note": "text"}, ("a", "b")),
    "a map of components": ({"hosts": {"a": HOST, "b": OTHER}}, ("hosts.a", "hosts.b")),
    "maps in maps": ({"eu": {"build": {"a": HOST}, "ci": {"b": OTHER}}}, ("eu.build.a", "eu.ci.b")),
    "a list of components": ({"hosts": [HOST, OTHER]}, ("hosts.0", "hosts.1")),
    # examples/fleet: each host has CAs and clients of its own
    "maps by host": (
        {
            "endpoints": {"a": HOST["endpoint"], "b": OTHER["endpoint"]},
            **{f"{name}s": {"a": HOST[name], "b": HOST[name]} for name in HOST if name.endswith("material")},
            **{name: {"a": HOST[name], "b": HOST[name]} for name in HOST if name.endswith("materials")},
        },
        ("a", "b"),
    ),
    # DockerFleet: one CA and the same clients for all
    "a fleet": (
        {**without("endpoint"), "endpoints": {"a": HOST["endpoint"], "b": OTHER["endpoint"]}},
        ("a", "b"),
    ),
    "an exported fleet": (
        {"ci": {**without("endpoint"), "endpoints": {"a": HOST["endpoint"], "b": OTHER["endpoint"]}}},
        ("ci.a", "ci.b"),
    ),
}


@pytest.mark.parametrize("spelling", ["snake", "lower", "title"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_outputs_is_read(form: str, spelling: str) -> None:
    outputs, paths = FORMS[form]
    if spelling != "snake":
        outputs = spelled(outputs, spelling)
        paths = tuple(path.replace("hosts", _spelled("hosts", spelling)) for path in paths)  # type: ignore[assignment]
    first, second = paths
    assert find_connection(outputs, first, None) == ALICE
    assert find_connection(outputs, first, "ci") == CI
    assert find_connection(outputs, second, None).endpoint == OTHER["endpoint"]
    assert sorted(path for path in every_connection(outputs) if path) == sorted(paths)
    with pytest.raises(CommandError) as refused:
        find_connection(outputs, None, None)
    assert f"several hosts: {', '.join(sorted(paths))}; choose one with --output" in str(refused.value)


def test_a_fleets_own_endpoint_is_the_one_to_start_with() -> None:
    outputs = {**HOST, "endpoints": {"a": HOST["endpoint"], "b": OTHER["endpoint"]}}
    assert find_connection(outputs, None, None) == ALICE
    assert find_connection(outputs, "b", "ci").endpoint == OTHER["endpoint"]


def test_a_host_of_the_fleet_without_a_certificate_takes_no_others() -> None:
    outputs = {
        "endpoints": {"a": "tcp://10.0.5.10:2376", "b": "tcp://10.0.6.10:2376"},
        "ca_materials": {"a": pem("CA")},
        "cert_materials": {"a": pem("CERTIFICATE")},
        "key_materials": {"a": pem("KEY")},
    }
    with pytest.raises(CommandError, match="puts out no client's certificate"):
        find_connection(outputs, "b", None)


def test_other_endpoints_are_no_hosts() -> None:
    outputs = {
        "build": HOST,
        "database": {"endpoint": "db.example.com", "port": 5432},
        "queue": {"endpoints": {"x": "y"}},
    }
    assert find_connection(outputs, None, None) == ALICE


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
        ({**HOST, "key_material": "[secret]"}, None, None, "but hidden; add --show-secrets to `pulumi`"),
        ({"hosts": {"a": HOST, "b": HOST}}, "a", None, "those that do: hosts.a, hosts.b"),
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

"""Private keys in user-data are found wherever they stand, and never shown."""

# ruff: noqa: E501 - a row of a table is a line

import base64
import gzip
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws_docker.boot import judge

EC = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
ED = ed25519.Ed25519PrivateKey.generate()
SECRET = BestAvailableEncryption(b"secret")


def pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
    form: PrivateFormat,
    secret: bool = False,
) -> str:
    return key.private_bytes(Encoding.PEM, form, SECRET if secret else NoEncryption()).decode()


PEMS = {
    "SEC 1": pem(EC, PrivateFormat.TraditionalOpenSSL),
    "PKCS #1": pem(RSA, PrivateFormat.TraditionalOpenSSL),
    "PKCS #8": pem(EC, PrivateFormat.PKCS8),
    "PKCS #8, Ed25519": pem(ED, PrivateFormat.PKCS8),
    "PKCS #8, encrypted": pem(RSA, PrivateFormat.PKCS8, True),
    "OpenSSH": pem(ED, PrivateFormat.OpenSSH),
    "encrypted with headers": pem(EC, PrivateFormat.TraditionalOpenSSL, True),
}
PEM = PEMS["SEC 1"]


def b64(data: bytes | str) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def files(**entry: str) -> str:
    return "#cloud-config\n" + json.dumps({"write_files": [{"path": "/etc/k", **entry}]})


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


HELD = [
    *((f"{kind} in a file", files(content=text), "write_files /etc/k") for kind, text in PEMS.items()),
    *((f"{kind} in a script", f"#!/bin/sh\ncat > /etc/k <<'EOF'\n{text}EOF\n", "line 2") for kind, text in PEMS.items()),
    ("in a block", f"#cloud-config\nwrite_files:\n- path: /etc/k\n  content: |\n{indented(PEM)}", "write_files /etc/k"),
    ("in JSON in a file", files(content=json.dumps({"key": PEM})), "write_files /etc/k"),
    ("in base64", files(content=b64(PEM), encoding="b64"), "write_files /etc/k"),
    ("in base64 that nothing decodes", files(content=b64(PEM)), "write_files /etc/k"),
    ("in base64 in base64", files(content=b64(b64(PEM))), "write_files /etc/k"),
    ("in gzip", files(content=b64(gzip.compress(PEM.encode())), encoding="gz+b64"), "write_files /etc/k"),
    ("in gzip that nothing decodes", files(content=b64(gzip.compress(PEM.encode()))), "write_files /etc/k"),
    ("decoded in a script", f"#!/bin/sh\necho {b64(PEM)} | base64 -d > /etc/k\n", "line 2"),
    ("in lines of base64", f"#!/bin/sh\nbase64 -d > /etc/k <<EOF\n{base64.encodebytes(PEM.encode()).decode()}EOF\n", "line 2"),
    ("in a variable", f"#!/bin/sh\nKEY='{PEM}'\n", "the user-data"),
    ("with \\n for line ends", "#!/bin/sh\nprintf '" + PEM.replace("\n", "\\n") + "' > /etc/k\n", "line 2"),
    ("in pieces", "#!/bin/sh\nA='-----BEGIN EC PRIVATE'\nB=' KEY-----'\nprintf '%s%s\\n%s' \"$A\" \"$B\" '" + PEM.partition("\n")[2] + "' > /etc/k\n", "line 4"),
    ("for SSH's host", "#cloud-config\n" + json.dumps({"ssh_keys": {"ed25519_private": PEMS["OpenSSH"]}}), "ssh_keys.ed25519_private"),
    ("alone", PEM, "the user-data"),
    ("on Windows", f"<powershell>\n$k = @'\n{PEM}'@\n</powershell>", "the user-data"),
    ("in Ignition", json.dumps({"ignition": {"version": "3.0.0"}, "storage": {"files": [{"path": "/k", "contents": {"source": "data:;base64," + b64(PEM)}}]}}), "storage.files /k"),
    ("DER", files(content=b64(EC.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())), encoding="b64"), "write_files /etc/k"),
    ("DER of SEC 1", files(content=b64(EC.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())), encoding="b64"), "write_files /etc/k"),
    ("DER of PKCS #1", files(content=b64(RSA.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())), encoding="b64"), "write_files /etc/k"),
    ("PKCS #12", files(content=b64(pkcs12.serialize_key_and_certificates(b"k", EC, None, None, SECRET)), encoding="b64"), "write_files /etc/k"),
    ("PuTTY", files(content="PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"), "write_files /etc/k"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "where"), [pytest.param(*row[1:], id=row[0]) for row in HELD])
def test_a_private_key_is_found(data: str, where: str) -> None:
    judged = judge(data)
    assert judged.private_keys == (where,)
    assert_hidden(data, str(judged))


def assert_hidden(data: str, shown: str) -> None:
    for text in PEMS.values():
        for line in text.splitlines()[1:-1]:
            assert not line or line not in shown
    assert "-----BEGIN" not in shown


CERTIFICATE = (
    "-----BEGIN CERTIFICATE-----\n"
    + "MIIBszCCAVmgAwIBAgIUQ0h8bE1hYWFhYWFhYWFhYWFhYWEwCgYIKoZIzj0EAwIw\n" * 6
    + "-----END CERTIFICATE-----\n"
)
HARMLESS = [
    ("a certificate", files(content=CERTIFICATE)),
    ("a certificate in base64", files(content=b64(CERTIFICATE), encoding="b64")),
    ("a public key", files(content=EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())),
    ("an authorised key", "#cloud-config\nssh_authorized_keys:\n- ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ4aGVsbG93b3JsZA me\n"),
    ("a placeholder", files(content="-----BEGIN PRIVATE KEY-----\n<the key goes here>\n-----END PRIVATE KEY-----\n")),
    ("dots", files(content="-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----\n")),
    ("the start of a key", files(content="-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA...\n-----END RSA PRIVATE KEY-----\n")),
    ("a search", "#!/bin/sh\ngrep -rl -- '-----BEGIN RSA PRIVATE KEY-----' /home && exit 1\nopenssl ecparam -genkey -out /etc/k\n"),
    ("a header in a message", "#!/bin/sh\necho 'no -----BEGIN PRIVATE KEY----- may stand in user-data'\n"),
    ("a key fetched", "#!/bin/sh\naws ssm get-parameter --name /k --with-decryption --query Parameter.Value > /etc/k\n"),
    ("a checksum", "#!/bin/sh\necho '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  x' | sha256sum -c\n"),
]  # fmt: skip


@pytest.mark.parametrize("data", [pytest.param(row[1], id=row[0]) for row in HARMLESS])
def test_what_is_no_private_key(data: str) -> None:
    assert judge(data).private_keys == ()


LEAKS = [
    "#!/bin/sh\ndockerd -H '{pem}'\n",
    "#!/bin/sh\ndockerd -H tcp://'{line}':2375\nK='{pem}'\n",
    "#!/bin/sh\ndockerd --config-file '{line}' ${line}\nK='{pem}'\n",
    "#!/bin/sh\ndockerd --{line}=1 --tlsverify='${line}' '${line}'\nK='{pem}'",
    "#cloud-config\nwrite_files:\n- path: '/etc/systemd/system/{line}.service'\n  content: \"[Service]\\nExecStart=dockerd -H tcp://0.0.0.0\"\n- content: '{pem}'\n  path: /k\n",
    "#cloud-config\n'{pem}': '{pem}'\nwrite_files:\n- path: '{line}'\n  encoding: b64\n  content: '?'\n",
    "#!/bin/sh\nsh /opt/{line}\nK='{pem}'\n",
    "#!/bin/sh\ndocker run -v /var/run/docker.sock:/var/run/docker.sock -p 2375:2375 {line}/socket-proxy\nK='{pem}'\n",
    "MIME-Version: 1.0\nContent-Type: text/x-{line}\n\n{pem}\n#include",
]


@pytest.mark.parametrize("template", LEAKS, ids=range(len(LEAKS)))
@pytest.mark.parametrize("kind", PEMS)
def test_a_key_is_never_shown(template: str, kind: str) -> None:
    text = PEMS[kind]
    line = next(line for line in text.splitlines()[1:] if len(line) > 30 and ":" not in line)
    data = template.replace("{pem}", text).replace("{line}", line)
    assert_hidden(data, str(judge(data)))


@given(st.binary(min_size=48, max_size=120), st.sampled_from(LEAKS))
@settings(deadline=None, max_examples=100)
def test_no_bytes_of_any_key_are_shown(body: bytes, template: str) -> None:
    line = b64(b"\x30" + body)
    text = f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"
    assert line[:24] not in str(judge(template.replace("{pem}", text).replace("{line}", line)))


# --- Whatever cuts a piece out ---

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
CUTS = [
    "dockerd -H tcp://'{line}':2375",
    "dockerd -H tcp://'{line}'",
    "dockerd -H '{line}'",
    "dockerd --{line} '{line}'",
    "dockerd -H tcp://x@'{line}':1",
    "[ -d '{line}' ] || dockerd -H tcp://0.0.0.0:2375",
    "case $X in '{line}') dockerd -H tcp://0.0.0.0:2375 ;; esac",
    "sh '/opt/{line}'",
    "'/opt/x/{line}' /var/run/docker.sock",
    "socat TCP-LISTEN:2375,bind='{line}' UNIX:/var/run/docker.sock",
    "docker run -p '{line}:2375:2375' -v /var/run/docker.sock:/d.sock '{line}/socket-proxy'",
    'echo \'{"hosts": ["tcp://{line}"]}\' > /etc/docker/daemon.json',
    "echo OPTIONS=-Htcp://'{line}' > /etc/sysconfig/docker; service docker restart",
]


@st.composite
def key_lines(draw: st.DrawFn) -> str:
    """A line of base64 that is cut by `/` and `+`, as lines of keys are."""
    pieces = draw(st.lists(st.text(LETTERS, min_size=3, max_size=20), min_size=12, max_size=16))
    marks = draw(st.lists(st.sampled_from("+/"), min_size=len(pieces), max_size=len(pieces)))
    return ("MII" + "".join(piece + mark for piece, mark in zip(pieces, marks, strict=True)))[:72]


def letters(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


@pytest.mark.parametrize("cut", CUTS)
@given(line=key_lines())
@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
def test_no_piece_of_a_key_is_shown_whatever_cut_it_out(cut: str, line: str) -> None:
    pem_text = f"-----BEGIN PRIVATE KEY-----\n{line}\n{line[::-1]}\n-----END PRIVATE KEY-----\n"
    said, bare = (
        letters(str(judge(f"#!/bin/sh\nK='{pem_text}'\n{cut.replace('{line}', line)}\n"))),
        letters(line),
    )
    # What is said of a document without a key as well is our own word.
    ours = letters(str(judge(f"#!/bin/sh\n{cut.replace('{line}', 'q')}\n")))
    pieces = {bare[at : at + 8] for at in range(len(bare) - 7)}
    assert not [piece for piece in pieces if piece in said and piece not in ours]


def test_a_key_that_is_cut_at_a_slash_is_not_shown() -> None:
    line = "MIIEvQIBADANBgkqhkiG9w0B+QEFAASC/KcwggSjAgEAAoIBAQC7"
    judged = judge(
        f"#!/bin/sh\ndockerd -H tcp://'{line}':2375\nK='-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----'\n"
    )
    assert "MIIEvQIB" not in str(judged)
    assert "(hidden)" in str(judged.listeners)


# --- A Swarm's tokens and keys ---

TOKEN = "SWMTKN-1-49nj1cmql0jkz5s954yi3oex3nedyz0fb0xx14ie39trti4wxv-8vxv8rssmk743ojnwacrr2e7c"
"""Of Docker's own documentation ("docker swarm join-token")."""
UNLOCK = "SWMKEY-1-7c37Cc8654o6p38HnroywCi19pllOnGtbdZEgtKxZu8"
"""Of Docker's own documentation ("docker swarm unlock-key")."""
SWARM_HELD = [
    ("joins with it", f"#!/bin/sh\ndocker swarm join --token {TOKEN} 10.0.1.10:2377\n", TOKEN),
    ("in a variable", f"#!/bin/sh\nexport TOKEN='{TOKEN}'\n", TOKEN),
    ("in a file", files(content=f"token: {TOKEN}\n"), TOKEN),
    ("in base64", files(content=b64(f"token={TOKEN}\n"), encoding="b64"), TOKEN),
    ("in base64 in base64", files(content=b64(b64(TOKEN))), TOKEN),
    ("in gzip", b64(gzip.compress(f"#!/bin/sh\ndocker swarm join --token {TOKEN} m:2377\n".encode())), TOKEN),
    ("of FIPS", f"#!/bin/sh\ndocker swarm join --token {TOKEN.replace('-1-', '-2-1-')} m:2377\n", TOKEN[9:]),
    ("unlocks", f"#!/bin/sh\necho {UNLOCK} | docker swarm unlock\n", UNLOCK),
]  # fmt: skip


@pytest.mark.parametrize(("data", "secret"), [pytest.param(*row[1:], id=row[0]) for row in SWARM_HELD])
def test_a_swarms_key_is_found_and_never_shown(data: str, secret: str) -> None:
    judged = judge(data)
    assert len(judged.swarm_keys) == 1
    assert judged.private_keys == ()
    assert not any(secret[at : at + 10] in str(judged) for at in range(len(secret) - 9))


@pytest.mark.parametrize("cut", CUTS)
def test_no_piece_of_a_swarms_token_is_shown_whatever_cut_it_out(cut: str) -> None:
    judged = judge(f"#!/bin/sh\nT={TOKEN}\n{cut.replace('{line}', TOKEN)}\n")
    secret = TOKEN.removeprefix("SWMTKN-1-")
    assert not any(secret[at : at + 8] in str(judged) for at in range(len(secret) - 7))


@pytest.mark.parametrize(
    "word",
    [
        "SWMTKN-1-" + "x" * 50 + "-" + "x" * 25,
        "SWMTKN-1-...",
        "$(aws ssm get-parameter --name /swarm/worker --with-decryption --query Parameter.Value --output text)",
        "$(docker swarm join-token -q worker)",
        "SWMTKN-1-$DIGEST-$SECRET",
    ],
)
def test_what_is_no_token_of_a_swarm(word: str) -> None:
    assert judge(f"#!/bin/sh\ndocker swarm join --token {word} 10.0.1.10:2377\n").swarm_keys == ()

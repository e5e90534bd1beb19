"""Whatever user-data is wrapped in, the same is judged; what cannot be read is said; nothing makes it fail."""

# ruff: noqa: E501 - a row of a table is a line

import base64
import bz2
import gzip
import json
import time
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aws_docker.boot import BootJudgement, judge
from aws_docker.boot.formats.encodings import LIMIT
from aws_docker.host import userdata
from aws_docker.host.systems import OperatingSystem
from tests.unit.test_boot_listeners import HARMLESS, SAFE, VIOLATIONS

ANY = "tcp://0.0.0.0:2375"
OPEN_SCRIPT = f"#!/bin/sh\ndockerd -H {ANY}\n"
SAMPLES = [row[1] for row in (*VIOLATIONS, *SAFE, *HARMLESS)]


def addresses(judged: BootJudgement) -> list[tuple[str, str]]:
    return [(str(each.listener), each.listener.access.value) for each in judged.listeners]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def mime(*parts: tuple[str, str]) -> str:
    message = MIMEMultipart()
    for kind, text in parts:
        message.attach(MIMEText(text, kind.removeprefix("text/")))
    return message.as_string()


def kind_of(sample: str) -> str:
    return "text/cloud-config" if sample.startswith("#cloud-config\n") else "text/x-shellscript"


# --- Wrapping changes nothing ---

WRAPPED = {
    "base64": lambda text: b64(text.encode()),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 twice": lambda text: b64(b64(text.encode()).encode()),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip in two members": lambda text: gzip.compress(text.encode()[:9]) + gzip.compress(text.encode()[9:]),
    "gzip in base64": lambda text: b64(gzip.compress(text.encode())),
    "bytes": lambda text: text.encode(),
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "MIME": lambda text: mime(("text/cloud-config", "#cloud-config\n{}"), (kind_of(text), text)),
    "MIME as plain text": lambda text: mime(("text/plain", text)),
    "MIME in gzip": lambda text: gzip.compress(mime((kind_of(text), text)).encode()),
    "an archive": lambda text: (
        "#cloud-config-archive\n" + json.dumps([{"type": kind_of(text), "content": text}])
    ),
}
PLAIN = [text for text in SAMPLES if text.startswith(("#!/bin/bash\n", "#cloud-config\n"))]


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_wrapping_changes_nothing(wrapping: str) -> None:
    for text in PLAIN[::4]:
        bare, wrapped = judge(text), judge(WRAPPED[wrapping](text))
        assert addresses(wrapped) == addresses(bare)
        assert wrapped.runs_docker == bare.runs_docker
        assert len(wrapped.unread) == len(bare.unread)


@pytest.mark.parametrize(
    "encoding", ["b64", "base64", "gz+b64", "gz+base64", "gzip+b64", "gzip+base64", "text/plain", ""]
)
def test_write_files_encodings(encoding: str) -> None:
    content = json.dumps({"hosts": [ANY]})
    if "gz" in encoding:
        content = b64(gzip.compress(content.encode()))
    elif "64" in encoding:
        content = b64(content.encode())
    entry = {"path": "/etc/docker/daemon.json", "encoding": encoding, "content": content}
    assert addresses(judge("#cloud-config\n" + json.dumps({"write_files": [entry]}))) == [
        (ANY, "unauthenticated")
    ]


def test_parts_are_taken_in_the_machine_s_order() -> None:
    files = "#cloud-config\n" + json.dumps(
        {"write_files": [{"path": "/etc/docker/daemon.json", "content": "{}"}]}
    )
    script = '#!/bin/sh\necho \'{"hosts": ["tcp://0.0.0.0:2375"]}\' > /etc/docker/daemon.json\n'
    # write_files runs before scripts, whichever part comes first; a boothook runs before both.
    assert judge(mime(("text/x-shellscript", script), ("text/cloud-config", files))).unsafe
    assert not judge(
        mime(("text/cloud-boothook", "#cloud-boothook\n" + script), ("text/cloud-config", files))
    ).unsafe


# --- Where ---

PLACES = [
    ("a script", f"#!/bin/sh\n\n\ndockerd -H {ANY}\n", "line 4"),
    ("a part", mime(("text/cloud-config", "#cloud-config\n{}"), ("text/x-shellscript", OPEN_SCRIPT)), "part 2 (text/x-shellscript), line 2"),
    ("runcmd", "#cloud-config\n" + json.dumps({"runcmd": ["a", "b", f"dockerd -H {ANY}"]}), "runcmd, line 3"),
    ("lines in runcmd", "#cloud-config\n" + json.dumps({"runcmd": [f"a\ndockerd -H {ANY}"]}), "runcmd, entry 1, line 2"),
    ("a file", "#cloud-config\n" + json.dumps({"write_files": [{"path": "/etc/docker/daemon.json", "content": json.dumps({"hosts": [ANY]})}]}), "write_files /etc/docker/daemon.json"),
    ("a script in a file", "#cloud-config\n" + json.dumps({"write_files": [{"path": "/opt/x", "content": OPEN_SCRIPT}]}), "write_files /opt/x, line 2"),
    ("the file that names the listener", "#!/bin/sh\necho 'OPTIONS=-Htcp://0.0.0.0:2375' > /etc/sysconfig/docker\nsystemctl restart docker\n", "line 2"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "where"), [pytest.param(*row[1:], id=row[0]) for row in PLACES])
def test_where_a_listener_comes_from(data: str, where: str) -> None:
    assert [each.where for each in judge(data).listeners] == [where]


# --- What cannot be read ---

UNREAD = [
    ("#include", "#include\nhttps://example.com/x\n", "other addresses"),
    ("#include-once", "#include-once\nhttps://example.com/x\n", "other addresses"),
    ("a part handler", "#part-handler\nimport os\n", "part handler"),
    ("a script from elsewhere", "#!/bin/sh\ncurl -s https://example.com/x | sudo -E bash -\n", "line 2: a script that is not"),
    ("a script from elsewhere, kept", "#!/bin/sh\nwget https://example.com/x.sh\nsh x.sh\n", "line 3: a script that is not"),
    ("a script from elsewhere, substituted", '#!/bin/sh\nsh -c "$(curl -fsSL https://example.com/x)"\n', "line 2"),
    ("a script from elsewhere, as a file", "#!/bin/bash\nbash <(curl -s https://example.com/x)\n", "line 2"),
    ("an installer over plain HTTP", "#!/bin/sh\ncurl http://get.docker.com | sh\n", "line 2"),
    ("daemon.json from elsewhere", "#!/bin/sh\naws s3 cp s3://b/daemon.json /etc/docker/daemon.json\n", "/etc/docker/daemon.json"),
    ("a unit from elsewhere", "#!/bin/sh\ncurl -o /etc/systemd/system/docker.service https://example.com/x\n", "docker.service"),
    ("flags that a variable holds", '#!/bin/sh\ndockerd $(cat /opt/flags)\n', "may hold more flags"),
    ("a program that a variable names", "#!/bin/sh\n$PROGRAM -H tcp://0.0.0.0:2375\n", "which program"),
    ("a template", "## template: jinja\n#!/bin/sh\n{% if x %}\ndockerd\n{% endif %}\n", "template"),
    ("a decompression bomb", gzip.compress(bytes(LIMIT * 20)), "more than 1 MiB"),
    ("a decompression bomb in a file", "#cloud-config\n" + json.dumps({"write_files": [{"path": "/x", "encoding": "gz+b64", "content": b64(gzip.compress(bytes(LIMIT * 20)))}]}), "more than 1 MiB"),
    ("broken gzip", gzip.compress(OPEN_SCRIPT.encode())[:-9], "cut off"),
    ("broken base64 in a file", "#cloud-config\n" + json.dumps({"write_files": [{"path": "/etc/docker/daemon.json", "encoding": "b64", "content": "?"}]}), "not base64"),
    ("broken base64 in a script", "#!/bin/sh\necho '?!' | base64 -d | sh\n", "not base64"),
    ("base64 of nothing readable", b64(bytes(range(200))), "neither text nor gzip"),
    ("broken YAML", "#cloud-config\nruncmd:\n- [\n", "YAML is broken"),
    ("a file by address", "#cloud-config\nwrite_files:\n- path: /etc/docker/daemon.json\n  source: {uri: 'https://example.com'}\n", "another address"),
    ("an Ignition file by address", '{"ignition": {"version": "3.0.0"}, "storage": {"files": [{"path": "/x", "contents": {"source": "https://example.com"}}]}}', "another address"),
    ("Ignition that merges", '{"ignition": {"version": "3.0.0", "config": {"merge": [{"source": "https://example.com"}]}}}', "other addresses"),
    ("another language", "#!/bin/sh\nperl -e 'exec qw(dockerd -H tcp://0.0.0.0:2375)'\n", "perl"),
    ("Python that computes", "#!/usr/bin/python3\nimport os\nopen(path('daemon.json'), 'w').write(text())\n", "Python"),
    ("Python that computes flags", "#!/usr/bin/python3\nimport os\nos.execvp('dockerd', ['dockerd', *flags()])\n", "may hold more flags"),
    ("a configuration tool", "#!/bin/sh\nansible-pull -U https://example.com/x\n", "ansible-pull"),
    ("a Compose file from elsewhere", "#!/bin/sh\ngit clone https://example.com/x /opt/x\ncd /opt/x && docker compose up -d\n", "Compose"),
    ("JSON that is none", "#cloud-config\n" + json.dumps({"write_files": [{"path": "/etc/docker/daemon.json", "content": '{"hosts": [], }'}]}), "not JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "sentence"), [pytest.param(*row[1:], id=row[0]) for row in UNREAD])
def test_what_cannot_be_read_is_said(data: str | bytes, sentence: str) -> None:
    unread = judge(data).unread
    assert any(sentence in each for each in unread), unread


# --- Our own hosts ---


@pytest.mark.parametrize("spot", [False, True])
@pytest.mark.parametrize("os", sorted(each.value for each in OperatingSystem))
def test_our_own_host_is_recognised(os: str, spot: bool) -> None:
    judged = judge(userdata.user_data(os, parameter="build-configuration", volume_id="vol-1", spot=spot))
    assert judged == BootJudgement(runs_docker=True, listeners=(), unread=(), private_keys=())


def test_our_own_document_listens_with_mutual_tls_and_holds_a_key() -> None:
    document = userdata.configuration_document(
        daemon={},
        listen=["10.0.5.10", "fd00::10"],
        trusted=["10.0.5.0/24"],
        server_key="-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBn1dT7Qqv0gA7f3Xk0Yc1j4m8n2b5v6c7x8z9a0s1d2\n-----END EC PRIVATE KEY-----\n",
    )
    judged = judge(userdata.user_data("debian-12", document=document))
    assert addresses(judged) == [
        ("tcp://10.0.5.10:2376", "mutual-tls"),
        ("tcp://[fd00::10]:2376", "mutual-tls"),
    ]
    assert judged.private_keys == ("write_files /etc/dockerhost/document.json",)
    assert judged.unread == ()


def test_our_own_host_with_a_drop_in_beside_it() -> None:
    text = userdata.user_data("debian-12", parameter="p")
    assert judge(text + f"- dockerd -H {ANY}\n").unsafe
    changed = text.replace("/usr/local/sbin/dockerhost bootstrap", f"/usr/bin/dockerd -H {ANY}")
    assert changed != text
    assert judge(changed).unsafe


def test_a_program_that_is_no_more_the_spot_hosts_is_read_like_any_other() -> None:
    text = userdata.user_data("debian-12", parameter="p", spot=True)
    changed = text.replace('("docker.socket", "docker.service")', f'("--now", "dockerd", "-H", "{ANY}")')
    assert changed != text
    judged = judge(changed)
    assert judged.unsafe or judged.unread


# --- Whatever comes ---

NASTY: list[str | bytes] = [
    "$(" * 20_000,
    "`" * 20_001,
    "${" * 20_000,
    '"$(' * 20_000,
    "(" * 50_000,
    "{ " * 20_000,
    "if " * 20_000,
    "case x in " * 5_000,
    "a() { " * 10_000,
    "<<A " * 10_000 + "\n",
    "x=$x$x;" * 10_000,
    "a=aa;" + "a=$a$a$a$a;" * 5_000 + "echo $a > /f",
    "for i in " + "a " * 5_000 + "; do for j in " + "b " * 5_000 + "; do dockerd $i; done; done",
    "f() { f; f; }; f",
    "alias a='a a'; a",
    "eval " * 20_000,
    "sudo " * 50_000,
    "sh -c " * 20_000,
    "echo {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}",
    "#cloud-config\n" + "[" * 50_000,
    "#cloud-config\n" + "- " * 50_000,
    "#cloud-config\n" + "{a: " * 50_000,
    "#cloud-config\na: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*{'a' if not n else f'b{n - 1}'}, *{'a' if not n else f'b{n - 1}'}]\n" for n in range(60)),
    "#cloud-config\nruncmd: &a [*a]\n",
    '{"ignition": ' + "[" * 100_000,
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n" + "--a\n\nx\n" * 5_000,
    "MIME-Version: 1.0\n" + "Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 2_000,
    "#!/usr/bin/python3\nimport subprocess\ntcp://dockerd" + "(" * 5_000,
    "#!/usr/bin/python3\n# dockerd\nx = " + "-" * 50_000 + "1",
    "#!/usr/bin/python3\n# dockerd\nx = " + "a." * 20_000 + "b",
    "sed -i 's/" + "a*" * 200 + "b/x/' /lib/systemd/system/docker.service",
    "sed -i 's/\\(a*\\)*b/x/' /lib/systemd/system/docker.service",
    "x=" + "a" * 30_000 + "\necho $x$x | sed -E 's/(a|a)*c/-H tcp:/' > /etc/default/docker",
    "-----BEGIN " * 20_000,
    "-----BEGIN PRIVATE KEY-----" * 5_000,
    "A" * 200_000,
    "A " * 100_000,
    ("A" * 39 + " ") * 5_000,
    "/etc/docker/" * 10_000 + "daemon.json",
    "<powershell>" + '{"hosts":' * 5_000 + "daemon.json",
    "<powershell>" + "dockerd " * 20_000,
    "#!/bin/sh\n" + "echo '{\"hosts\":[' >> /etc/docker/daemon.json\nsystemctl restart docker\n" * 2_000,
    "#!/bin/sh\n" + "[ -f x ] && A=$A-H\\ tcp://0.0.0.0:2375\ndockerd $A\n" * 1_000,
    gzip.compress(gzip.compress(gzip.compress(bytes(3_000_000)))),
    bz2.compress(bytes(30_000_000)),
    b"\x1f\x8b" * 1_000,
    b"\xff\xfe\x00\xd8" * 100,
    "#!/bin/sh\necho $'\\ud800' > /etc/docker/daemon.json; echo $'\\ud800' | base64 -d | sh; dockerd -H $'\\ud800'",
]  # fmt: skip


@pytest.mark.parametrize("data", NASTY, ids=range(len(NASTY)))
def test_nothing_takes_long_or_fails(data: str | bytes) -> None:
    started = time.process_time()
    judge(data)
    assert time.process_time() - started < 5


def test_what_stands_on_the_machine_is_judged_even_where_its_script_is_too_long() -> None:
    judged = judge(f"#!/bin/sh\necho 'OPTIONS=-H{ANY}' > /etc/sysconfig/docker\n" + "true\n" * 30_000)
    assert judged.unsafe
    assert any("too much" in each for each in judged.unread)


FRAGMENTS = st.sampled_from(
    [
        *"$(){}[]'\"`\\|&;<>#*?!=:/-@~%^+, \n\t\r\0",
        *[
            "$(",
            "${",
            "$((",
            "))",
            "<<",
            "<<-",
            "<<EOF",
            "EOF",
            ">>",
            ">|",
            "&&",
            "||",
            ";;",
            "if",
            "then",
            "else",
            "fi",
            "for",
            "in",
            "do",
            "done",
            "while",
            "case",
            "esac",
            "function",
            "[[",
            "]]",
        ],
        *[
            "dockerd",
            "docker",
            "-H",
            "tcp://0.0.0.0:2375",
            "--tlsverify",
            "--config-file",
            "/etc/docker/daemon.json",
            "hosts",
            "eval",
            "sh",
            "-c",
            "sed",
            "-i",
        ],
        *[
            "s|fd://|tcp://1|",
            "echo",
            "cat",
            "tee",
            "jq",
            ".hosts=[]",
            "base64",
            "-d",
            "printf",
            "%s",
            "export",
            "OPTS=",
            "$OPTS",
            "${OPTS:-x}",
            "${OPTS//a/b}",
            "$@",
            "$1",
        ],
        *[
            "systemctl",
            "restart",
            "ExecStart=",
            "[Service]",
            "ListenStream=2375",
            "python3",
            "socat",
            "run",
            "-p",
            "2375:2375",
            "docker:dind",
            "-----BEGIN",
        ],
        *[
            "#cloud-config",
            "runcmd:",
            "write_files:",
            "path:",
            "content:",
            "encoding:",
            "gz+b64",
            "!!binary",
            "&a",
            "*a",
            "<<:",
            "{{",
            "}}",
            "{%",
            "%}",
            "MIME-Version:",
            "1.0",
        ],
        "\n- ",
        "\n  ",
        "#!/bin/sh\n",
        "#cloud-config\n",
        "## template: jinja\n",
        "<powershell>",
        "é",
        "\ud7ff",
        "\U0010ffff",
    ]
)


def consistent(judged: BootJudgement) -> None:
    assert judged.runs_docker or not judged.listeners
    assert set(judged.unsafe) <= set(judged.listeners)
    assert all(isinstance(each, str) and each for each in (*judged.unread, *judged.private_keys))
    assert all(each.where for each in judged.listeners)
    # No mistake of our own was caught on the way.
    assert not [each for each in judged.unread if "could not be followed to its end (" in each]


@given(
    st.text()
    | st.binary()
    | st.lists(FRAGMENTS, max_size=60).map("".join)
    | st.lists(FRAGMENTS, max_size=60).map(" ".join)
)
@example("\ud800")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)
def test_any_user_data_gets_a_judgement(data: str | bytes) -> None:
    consistent(judge(data))


@given(st.sampled_from(SAMPLES), st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200)
def test_any_change_to_user_data_gets_a_judgement(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 6))
        text = text[:at] + data.draw(FRAGMENTS | st.just("")) + text[at + cut :]
    consistent(judge(text))

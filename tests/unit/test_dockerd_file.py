"""What a daemon.json may say: judged for the engines that a host may have. The engines themselves are asked in
tests/host/test_engines.py."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_docker.core.dockerd_file import problems
from aws_docker.core.dockerd_options import FILE_OPTIONS, OPTIONS
from aws_docker.core.engines import EVERY, Engines

OLD, AL2023, NEW = (Engines(version, version) for version in ((20, 10), (25, 0), (29, 1)))


def first(options: dict[str, Any], engines: Engines = EVERY) -> str:
    return next((f"{each.where} {each.problem}; {each.hint}" for each in problems(options, engines)), "")


@pytest.mark.parametrize(
    ("options", "engines", "said"),
    [
        ({"log-format": "json"}, OLD, " is not an option of Docker 20.10; leave it out: it came with 25.0"),
        ({"oom-score-adjust": 1}, AL2023, " is not an option of Docker 25.0; leave it out: 24 was the last"),
        ({"runtimes": {"a": {"runtimeType": "t"}}}, OLD, ".runtimes.a.runtimeType is refused; write path"),
        ({"ip6tables": True}, OLD, ".ip6tables is refused; say experimental, too"),
        ({"ipv6": True}, AL2023, ".ipv6 is refused; say fixed-cidr-v6, too"),
        ({"log-level": "warning"}, AL2023, ".log-level is refused; write 'debug', 'info', 'warn',"),
        ({"max-download-attempts": 0}, OLD, ".max-download-attempts is refused; write 1 or more"),
        ({"default-runtime": "/usr/bin/crun"}, OLD, ".default-runtime is no runtime that dockerd knows"),
        ({"storage-driver": "devicemapper"}, AL2023, ".storage-driver is none that Docker 25.0 has"),
        (
            {"log-driver": "fluentd", "log-opts": {"fluentd-async-connect": "true"}},
            NEW,
            ".log-opts is refused; leave it out: of Docker 29.1, the log driver fluentd does not know it",
        ),
    ],
)  # fmt: skip
def test_what_some_engines_take_is_refused_for_those_that_do_not(
    options: dict[str, Any], engines: Engines, said: str
) -> None:
    assert first(options, engines).startswith(said)
    assert first(options) == "", "of every engine, one takes it"


@pytest.mark.parametrize("driver", ["a-plugin", "none"])
def test_the_options_of_a_plugin_are_its_own(driver: str) -> None:
    assert first({"log-driver": driver, "log-opts": {"anything": "goes"}}) == ""


@pytest.mark.parametrize(
    ("driver", "options", "said"),
    [
        ("json-file", {"labels": "a", "max-sise": "1"}, "did you mean 'max-size'?"),
        ("journald", {"max-size": "10m"}, "is no option of the log driver journald"),
        ("awslogs", {"awslogs-region": "eu-central-1"}, "say awslogs-group, too"),
        ("splunk", {"mode": "non-blocking", "max-buffer-size": "lots"}, "is no size"),
        ("local", {"max-buffer-size": "4m"}, "say mode 'non-blocking', too"),
        ("local", {"compress": "maybe"}, "write 'true' or 'false'"),
        ("local", {"compress": True}, "write 'true'"),
    ],
)
def test_the_options_of_dockers_own_log_drivers(driver: str, options: dict[str, Any], said: str) -> None:
    assert said in first({"log-driver": driver, "log-opts": options})


def test_no_secret_is_shown() -> None:
    secret = "hunter2"
    for options in (
        {"registry-mirrors": [f"https://user:{secret}@mirror.example.com"]},
        {"http-proxy": f"http://user:{secret}@proxy.example.com"},
        {"unheard-of": secret},
        {"log-driver": "splunk", "log-opts": {"splunk-token": secret, "splunk-host": secret}},
    ):
        (found, *_) = problems(options)
        assert secret not in repr(found)


def test_options_that_are_none_are_left_out() -> None:
    assert first(dict.fromkeys(OPTIONS, None)) == ""


_WORDS = "gc policy enabled filter history maxAge entitlements nofile Name Soft Hard base size path runtimeType mode"
_KEYS = st.sampled_from(re.findall(r"\w+", _WORDS)) | st.text(max_size=8)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(_KEYS, inside, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(FILE_OPTIONS)), _JSON, max_size=4))
def test_whatever_is_said_is_judged(options: dict[str, Any]) -> None:
    for problem in problems(options):
        assert problem.hint
        assert problem.problem

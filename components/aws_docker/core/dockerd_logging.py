"""The options of Docker's own log drivers: dockerd does not start with one that its driver does not know.

Source: moby, daemon/logger/*: each driver's ValidateLogOpt. What a driver makes of a value is its own, as when a
container starts. Drivers that are plugins take what they like. Pure.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from .dockerd_forms import Problem, is_size, plain
from .engines import EVERY, Engines, Version


class LogDriver(NamedTuple):
    """One of Docker's own log drivers."""

    options: frozenset[str]
    required: str | None = None
    since: Mapping[str, Version] = {}
    """The first engine that knows an option, where that is not every one."""
    until: Mapping[str, Version] = {}
    """The last one."""


_ATTRIBUTES: Final = frozenset({"env", "env-regex", "labels", "labels-regex", "tag"})
_FILES: Final = frozenset({"max-size", "max-file", "compress"})
# Go's strconv.ParseBool.
_BOOLEANS: Final = frozenset(
    ["1", "t", "T", "true", "True", "TRUE", "0", "f", "F", "false", "False", "FALSE"]
)
_ANY_DRIVER: Final = frozenset(
    {"mode", "max-buffer-size", "cache-disabled", *(f"cache-{name}" for name in _FILES)}
)


def _prefixed(prefix: str, names: str) -> frozenset[str]:
    return frozenset(f"{prefix}-{name}" for name in names.split())


LOG_DRIVERS: Final[Mapping[str, LogDriver]] = {
    "json-file": LogDriver(_FILES | _ATTRIBUTES),
    "local": LogDriver(_FILES | _ATTRIBUTES, since=dict.fromkeys(_ATTRIBUTES, (29, 0))),
    "journald": LogDriver(_ATTRIBUTES),
    "syslog": LogDriver(
        _ATTRIBUTES
        | _prefixed("syslog", "address facility format tls-ca-cert tls-cert tls-key tls-skip-verify")
    ),
    "gelf": LogDriver(
        _ATTRIBUTES
        | _prefixed(
            "gelf", "address compression-level compression-type tcp-max-reconnect tcp-reconnect-delay"
        ),
        required="gelf-address",
    ),
    "fluentd": LogDriver(
        _ATTRIBUTES
        | _prefixed(
            "fluentd", "address async async-connect async-reconnect-interval buffer-limit max-retries"
        )
        | _prefixed("fluentd", "read-timeout request-ack retry-wait sub-second-precision write-timeout"),
        since={
            "fluentd-async-reconnect-interval": (23, 0),
            "fluentd-write-timeout": (28, 0),
            "fluentd-read-timeout": (29, 0),
        },
        until={"fluentd-async-connect": (27, 99)},
    ),
    "awslogs": LogDriver(
        frozenset({"tag"})
        | _prefixed(
            "awslogs", "create-group create-stream credentials-endpoint datetime-format endpoint format"
        )
        | _prefixed(
            "awslogs", "force-flush-interval-seconds group max-buffered-events multiline-pattern region"
        )
        | _prefixed("awslogs", "stream"),
        required="awslogs-group",
        since={"awslogs-format": (23, 0), "awslogs-create-stream": (29, 0)},
    ),
    "splunk": LogDriver(
        _ATTRIBUTES
        | _prefixed(
            "splunk", "caname capath format gzip gzip-level index index-acknowledgment insecureskipverify"
        )
        | _prefixed("splunk", "source sourcetype token url verify-connection")
    ),
    "gcplogs": LogDriver(
        (_ATTRIBUTES - {"tag"}) | _prefixed("gcp", "log-cmd meta-id meta-name meta-zone project")
    ),
}


def log_options(driver: str, options: Mapping[str, Any], engines: Engines) -> Iterator[Problem]:
    """What is wrong with the options of a log driver. Values may be secrets, and are shown only where they can't be."""
    for name, value in options.items():
        if value is not None and not isinstance(value, str):
            yield Problem(f".{name}", value, f"write '{plain(value)}'", "is not a string")
            return
    if driver == "none":
        return
    yield from _for_any_driver(options)
    known = LOG_DRIVERS.get(driver)
    if known is None:
        return
    for name in options:
        since, until = known.since.get(name, EVERY.oldest), known.until.get(name, EVERY.newest)
        if name in _ANY_DRIVER:
            continue
        if name not in known.options:
            near = difflib.get_close_matches(name, known.options | _ANY_DRIVER, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"it takes {', '.join(sorted(known.options))}"
            yield Problem("", name, hint, f"is no option of the log driver {driver}")
        elif engines.all_before(since) or engines.all_since((until[0] + 1, 0)):
            hint = f"leave it out: of Docker {engines}, the log driver {driver} does not know it"
            yield Problem("", name, hint)
    if driver in ("json-file", "local"):
        yield from _files(options)
    if options and known.required and not options.get(known.required):
        yield Problem("", driver, f"say {known.required}, too", "needs another option")


def _files(options: Mapping[str, Any]) -> Iterator[Problem]:
    """dockerd starts with a wrong value here, and then no container does."""
    size, files, compress = (options.get(name) for name in ("max-size", "max-file", "compress"))
    if size and not is_size(size):
        yield Problem(".max-size", size, "write one such as '10m'", "is no size")
    if files and not re.fullmatch("0*[1-9][0-9]*", files):
        yield Problem(".max-file", files, "write a number, such as '3'", "is no number of files")
    if compress and compress not in _BOOLEANS:
        yield Problem(".compress", compress, "write 'true' or 'false'")


def _for_any_driver(options: Mapping[str, Any]) -> Iterator[Problem]:
    mode = options.get("mode")
    if mode not in (None, "", "blocking", "non-blocking"):
        yield Problem(".mode", mode, "write 'blocking' or 'non-blocking'")
    buffer = options.get("max-buffer-size")
    if buffer is not None and mode != "non-blocking":
        yield Problem(".max-buffer-size", buffer, "say mode 'non-blocking', too, or leave it out")
    elif buffer is not None and not is_size(buffer):
        yield Problem(".max-buffer-size", buffer, "write one such as '4m'", "is no size")
    disabled = options.get("cache-disabled")
    if disabled and disabled not in _BOOLEANS:
        yield Problem(".cache-disabled", disabled, "write 'true' or 'false'")

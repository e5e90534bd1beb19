#!/usr/bin/python3 -I
# A Swarm's members have a program more (swarm.py), for which their user-data has no room: this takes it from its
# parameter, and hands on what is in it. The host's program (agent.py) runs it, among its own functions.
import base64
import gzip
from typing import Any

agent: Any = globals()
PLACE: Any = agent["Path"](agent["AGENT"] + "-swarm")


def take(host: Any) -> None:
    packed = agent["parameter_store"]("GetParameter", Name=host["swarm"][0])["Parameter"]["Value"]
    # Whoever may write the parameter is no root here: user-data says which program it is.
    if agent["digest_of"](packed) != host["swarm"][1]:
        raise ValueError("%s holds another program than this host was made with" % host["swarm"][0])
    PLACE.write_bytes(gzip.decompress(base64.b64decode(packed)))
    agent["member"].cache_clear()
    agent["member"]()["install"]()


if PLACE.exists():
    exec(PLACE.read_text(), agent)  # noqa: S102

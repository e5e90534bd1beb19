#!/usr/bin/python3 -I
# What stands for swarm.py in a member's user-data, which has no room for it: it takes the program from its parameter.
# The host's program (agent.py) runs it, among its own functions.
import base64
import gzip
from typing import Any


def install(host: Any) -> None:
    agent: Any = globals()
    packed = agent["parameter_store"]("GetParameter", Name=host["swarm"][0])["Parameter"]["Value"]
    # Whoever may write the parameter is no root here: user-data says which program it is.
    if agent["digest_of"](packed) != host["swarm"][1]:
        raise ValueError("%s holds another program than this host was made with" % host["swarm"][0])
    agent["Path"](agent["AGENT"] + "-swarm").write_bytes(gzip.decompress(base64.b64decode(packed)))
    agent["member"].cache_clear()
    agent["member"]()["install"](host)

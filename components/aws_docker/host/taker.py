# What stands for swarm.py in a member's user-data, which has no room for it: it takes the program from its parameter.
# The host's program (agent.py) runs it, with its own functions.
import base64
import gzip

Path, AGENT, Refused, digest_of, member, parameter_store = (  # what runs this has them
    globals()[name] for name in ("Path", "AGENT", "Refused", "digest_of", "member", "parameter_store")
)


def install(host: "dict[str, list[str]]") -> None:
    name, digest = host["swarm"]
    packed = parameter_store("GetParameter", Name=name)["Parameter"]["Value"]
    # Whoever may write the parameter is no root here: user-data says which program it is.
    if digest_of(packed) != digest:
        raise Refused("%s holds another program than this host was made with" % name)
    Path(AGENT + "-swarm").write_bytes(gzip.decompress(base64.b64decode(packed)))
    member.cache_clear()
    member()["install"](host)

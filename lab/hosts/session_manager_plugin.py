"""In place of AWS's session-manager-plugin, its relay and the host's agent: carries the bytes of a forwarded port to
the loopback of a booted host. It is called as the real one is, and refuses what that one would.

The host is the network namespace in LAB_TUNNEL_TO, without which it is this machine (for tests that boot none), where
LAB_TUNNEL_PORT stands for the port that was asked for. Standard library only. Source: aws/session-manager-plugin,
src/sessionmanagerplugin/session (session.go, portsession/muxportforwarding.go).
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import threading
import urllib.request
from pathlib import Path

VERSION = "1.2.707.0"
VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"


def main(arguments: list[str]) -> None:
    if arguments == ["--version"]:
        print(os.environ.get("LAB_PLUGIN_VERSION", VERSION))
        return
    response, region, operation, _profile, wanted, endpoint = arguments
    if not response.startswith(VARIABLE):
        sys.exit("the token stands in the arguments")
    session = json.loads(os.environ.pop(response))
    assert operation == "StartSession"
    assert set(session) == {"SessionId", "TokenValue", "StreamUrl"}
    if ask(endpoint, region, session["SessionId"]) != session["TokenValue"]:
        sys.exit("Cannot perform start session: the token is not the session's")
    print(f"\nStarting session with SessionId: {session['SessionId']}", flush=True)
    signal.signal(signal.SIGINT, lambda *_: end(session["SessionId"]))
    ports = json.loads(wanted)["Parameters"]
    near = (os.environ.get("SSM_PLUGIN_LOCAL_HOST", "localhost"), int(ports["localPortNumber"][0]))
    far = ("localhost", int(os.environ.get("LAB_TUNNEL_PORT", ports["portNumber"][0])))
    listener = socket.create_server(near)
    print(
        f"Port {near[1]} opened for sessionId {session['SessionId']}.\nWaiting for connections...", flush=True
    )
    threading.Thread(target=until_over, args=(endpoint, region, session["SessionId"]), daemon=True).start()
    while True:
        threading.Thread(target=carry, args=(listener.accept()[0], far), daemon=True).start()


def end(session: str) -> None:
    print(f"Terminate signal received, exiting.\n\nExiting session with sessionId: {session}.", flush=True)
    os._exit(0)


def until_over(endpoint: str, region: str, session: str) -> None:
    """As the relay says it when somebody has terminated the session."""
    while True:
        threading.Event().wait(0.5)
        try:
            ask(endpoint, region, session)
        except OSError:
            print(f"SessionId: {session} : the session was terminated", flush=True)
            os._exit(0)


def ask(endpoint: str, region: str, session: str) -> str:
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "AmazonSSM.ResumeSession",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=testing/20260101/{region}/ssm/aws4_request, "
        "SignedHeaders=host, Signature=0",
    }
    body = json.dumps({"SessionId": session}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(endpoint, body, headers), timeout=5) as answer:
        return json.load(answer)["TokenValue"]


def carry(near: socket.socket, far: tuple[str, int]) -> None:
    with near:
        enter(os.environ.get("LAB_TUNNEL_TO"))
        try:
            there = socket.create_connection(far, timeout=5)
        except OSError:
            print("\nConnection to destination port failed, check SSM Agent logs.", flush=True)
            return
        there.settimeout(None)
        with there:
            back = threading.Thread(target=copy, args=(there, near), daemon=True)
            back.start()
            copy(near, there)
            back.join()


def enter(namespace: str | None) -> None:
    """Have this thread's sockets belong to the host from now on: there runs the agent that connects."""
    if namespace is None:
        return
    with Path("/run/netns", namespace).open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")


def copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main(sys.argv[1:])

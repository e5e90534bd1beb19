"""Runs a Python program of the lab's: `start.py [-m MODULE | PATH] [ARGUMENT ...]`, as `python -u` would.

Where LAB_WARM names the socket of a process that has loaded the SDKs already (warm.py), a fork of that one runs the
program, and this one, which loads next to nothing, only waits for it. The fork ends when this process is killed, or
when the one that started it is gone.
"""

import json
import os
import signal
import socket
import sys

NETWORK = "/proc/self/ns/net" if sys.platform == "linux" else os.devnull
"""This process's network, which the fork then stands in."""


def main() -> int:
    parent = os.getppid()
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX) as warm:
        try:
            warm.connect(os.environ["LAB_WARM"])
        except (KeyError, OSError):
            os.execv(sys.executable, [sys.executable, "-u", *sys.argv[1:]])
        wanted = {
            "argv": sys.argv[1:],
            "cwd": os.getcwd(),  # noqa: PTH109  # pathlib takes longer to load than all the rest
            "environment": dict(os.environ),
        }
        request = json.dumps(wanted).encode()
        with open(NETWORK) as network:  # noqa: PTH123
            socket.send_fds(warm, [len(request).to_bytes(4, "big")], [0, 1, 2, network.fileno()])
        warm.sendall(request)
        warm.settimeout(1)
        while os.getppid() == parent:
            try:
                # Nothing: the fork's parent is gone.
                return int.from_bytes(warm.recv(1) or b"\1", "big")
            except TimeoutError:
                continue
    return 1


if __name__ == "__main__":
    sys.exit(main())

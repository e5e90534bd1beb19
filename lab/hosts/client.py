"""A client of the Docker API that says exactly how far it got, with any certificate or none."""

import socket
import ssl
import tempfile
import warnings

from lab.hosts import certs


def connect(address: str, port: int, timeout: float = 0.7, source: str | None = None) -> str:
    try:
        with socket.create_connection((address, port), timeout, (source, 0) if source else None):
            return "open"
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return error.strerror or type(error).__name__


def ping(
    address: str,
    client: certs.Certificate | None,
    server_ca: certs.Certificate | None,
    *,
    tls: bool = True,
    port: int = 2376,
    version: ssl.TLSVersion | None = None,
    ciphers: str | None = None,
) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if server_ca is not None:
        context.load_verify_locations(cadata=server_ca.pem)
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version is not None:
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        with warnings.catch_warnings():  # old versions are deprecated, which is why they are tried
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
    if ciphers is not None:
        context.set_ciphers(ciphers)
    if client is not None:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(client.pem + client.key_pem)
            file.flush()
            context.load_cert_chain(file.name)
    try:
        with (
            socket.create_connection((address, port), timeout=1.5) as plain,
            context.wrap_socket(plain, server_hostname=address) if tls else plain as link,
        ):
            link.sendall(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
            answer = link.recv(200)
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except ConnectionError:
        return "reset"
    except ssl.SSLError as error:
        return error.reason or "reset"
    except OSError as error:
        return error.strerror or type(error).__name__
    return answer.split(b" ")[1].decode() if answer.startswith(b"HTTP/") else "nothing"

"""An issuer of tokens for tests: it signs, and publishes its public keys over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from ssl import SSLContext
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from tests.support.tokens import claims

Say = Callable[[BaseHTTPRequestHandler], None]


class Issuer:
    """An issuer, whose keys and answers can be changed at any time."""

    def __init__(self) -> None:
        self.fetches = 0
        self.say: Say = self.publish
        self._private = {"k1": generate_private_key(SECP256R1())}
        self.published = [self.jwk("k1")]

    def token(self, kid: str = "k1", **changed: Any) -> str:
        """Sign a token with the key `kid`."""
        return jwt.encode(claims(**changed), self._private[kid], "ES256", {"kid": kid})

    def bearer(self, kid: str = "k1") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(kid)}"}

    def jwk(self, kid: str) -> dict[str, Any]:
        """Create a key unless it exists, and return its public part."""
        private = self._private.setdefault(kid, generate_private_key(SECP256R1()))
        return ECAlgorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": kid}

    def rotate_to(self, *kids: str) -> None:
        """Publish these keys from now on."""
        self.published = [self.jwk(kid) for kid in kids]

    def document(self) -> bytes:
        return json.dumps({"keys": self.published}).encode()

    def publish(self, handler: BaseHTTPRequestHandler) -> None:
        answer(handler, self.document())


def answer(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    """Answer with these bytes."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(issuer: Issuer, port: int = 0, tls: SSLContext | None = None) -> Iterator[str]:
    """Serve the issuer; afterwards nothing listens at its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            with suppress(ConnectionError):  # the client may have given up
                issuer.say(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its base's word
            """Log nothing."""

    class Server(ThreadingTCPServer):  # http.server's would resolve its own name
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Log nothing about clients that have disconnected."""

    scheme = "http" if tls is None else "https"
    with Server(("127.0.0.1", port), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"{scheme}://127.0.0.1:{server.server_address[1]}/keys?v=1"
        finally:
            server.shutdown()
            thread.join()

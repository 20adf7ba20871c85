"""Fetching a JWK Set: the limits of time and size, and certificates."""

import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from service.auth.keys.fetch import MAX_BYTES, fetch
from service.auth.keys.jwks import KeysRefused
from tests.support.issuer import answer, serving
from tests.support.running import free_port


class TestLimits:
    def test_a_document_that_is_too_long_is_not_read_to_its_end(self, url, issuer):
        issuer.say = lambda handler: answer(handler, b" " * (MAX_BYTES + 1))
        with pytest.raises(KeysRefused, match="more than"):
            fetch(url)
        issuer.say = lambda handler: answer(handler, b" " * MAX_BYTES)
        assert MAX_BYTES == len(fetch(url))

    def test_an_endless_document(self, url, issuer):
        def without_end(handler):
            handler.send_response(200)
            handler.end_headers()
            while True:
                handler.wfile.write(b" " * 65536)

        issuer.say = without_end
        with pytest.raises(KeysRefused, match="more than"):
            fetch(url)

    def test_a_server_that_says_nothing(self, url, issuer):
        given_up = threading.Event()
        issuer.say = lambda _: given_up.wait(60)
        self.is_given_up(url, read_timeout_s=0.2)
        given_up.set()

    def test_a_server_that_drips_its_document(self, url, issuer):
        def drip(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            for _ in range(1000):
                handler.wfile.write(b" ")
                time.sleep(0.05)

        issuer.say = drip
        self.is_given_up(url, deadline_s=0.3)

    def test_a_server_that_drips_its_head(self, url, issuer):
        def drip(handler):
            handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
            for number in range(1000):
                handler.wfile.write(f"X-{number}: y\r\n".encode())
                time.sleep(0.05)

        issuer.say = drip
        self.is_given_up(url, deadline_s=0.3)

    def is_given_up(self, url, **limits):
        began = time.monotonic()
        with pytest.raises(KeysRefused):
            fetch(url, **limits)
        assert time.monotonic() - began < 2

    def test_a_document_that_ends_early(self, url, issuer):
        def promise_more(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(b'{"keys": []}')

        issuer.say = promise_more
        with pytest.raises(KeysRefused, match="IncompleteRead"):
            fetch(url)

    def test_who_is_no_http_server(self):
        with pytest.raises(KeysRefused):
            fetch(f"http://127.0.0.1:{free_port()}/")

    def test_a_server_without_tls_where_it_was_asked_for(self, url):
        with pytest.raises(KeysRefused, match="SSLError"):
            fetch(url.replace("http:", "https:"))

    def test_a_certificate_counts_only_if_somebody_vouches_for_it(
        self, issuer, tmp_path, monkeypatch
    ):
        """Certificates are verified by SSL_CERT_FILE, and for the requested host."""
        server = certified(tmp_path, "127.0.0.1")
        with serving(issuer, tls=server) as url:
            with pytest.raises(KeysRefused, match="SSLCertVerificationError"):
                fetch(url)
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
            assert issuer.document() == fetch(url)
        other = certified(tmp_path, "127.0.0.2")
        with (
            serving(issuer, tls=other) as url,
            pytest.raises(KeysRefused, match="SSLCertVerificationError"),
        ):
            fetch(url)


def certified(folder, address):
    """Return a server's TLS context with a certificate of its own making."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer of the tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        .sign(key, SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context

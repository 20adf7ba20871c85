"""The cluster's parts in production, for real: a pooler with TLS in front of PostgreSQL."""

import datetime as dt
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.x509.oid import NameOID

from tests.support.manifests import Rendered
from tests.support.pgbouncer import prepares
from tests.support.waiting import wait_until

PORT = 5432
INI = """
[databases]
discount = host={host} port={port} dbname=discount user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
client_tls_key_file = {folder}/tls.key
client_tls_cert_file = {folder}/tls.crt
ignore_startup_parameters = extra_float_digits,options
pool_mode = {mode}
"""


def make_certificate(folder: Path, *names: str) -> str:
    """Write a key and a certificate of its own authority for `names`; return it as PEM."""
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "tls.key").write_bytes(private)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "tls.crt").write_bytes(pem)
    return pem.decode()


class Pooler:
    """PgBouncer, as the manifest of the Pooler has it.

    Args:
        folder: Readable by everyone, for PgBouncer does not run as root.
        production: Says how it pools, and whose name its certificate has.
        server: Where PostgreSQL listens.
    """

    def __init__(self, folder: Path, production: Rendered, server: tuple[str, int]) -> None:
        spec = production.one("Pooler", "discount-pooler")["spec"]["pgbouncer"]
        cluster = production.one("Cluster", "discount-db")["spec"]
        self._folder = folder
        self.authority = make_certificate(folder, *cluster["certificates"]["serverAltDNSNames"])
        host, port = server
        # Debian 12's PgBouncer does not track prepared statements; the operator's does.
        left_out = set() if prepares() else {"max_prepared_statements"}
        text = INI.format(
            host=host, port=port, listen=PORT, folder=folder, mode=spec["poolMode"]
        ) + "\n".join(
            f"{name} = {value}"
            for name, value in spec["parameters"].items()
            if name not in left_out
        )
        (folder / "pgbouncer.ini").write_text(f"{text}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, password: str) -> str:
        """Start it with this password of the service's user; return the URL as the README has it.

        `hostaddr` stands for the cluster's DNS: the name is still the certificate's.
        """
        self.stop()
        (self._folder / "users.txt").write_text(f'"discount" "{password}"\n')
        for path in self._folder.iterdir():
            path.chmod(0o644)
        command = ["pgbouncer", "-u", "nobody", str(self._folder / "pgbouncer.ini")]
        with (self._folder / "pgbouncer.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        url = f"postgresql://discount:{password}@discount-pooler/discount"
        wait_until(lambda: _answers(f"{url}?hostaddr=127.0.0.1"), "PgBouncer does not start")
        return f"{url}?hostaddr=127.0.0.1"

    def stop(self) -> None:
        """Stop it; its clients lose their connections."""
        if self._process is not None:
            self._process.kill()  # SIGTERM makes versions since 1.23 wait for their clients
            self._process.wait(20)
            self._process = None


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def pooling(folder: Path, production: Rendered, server: tuple[str, int]) -> Iterator[Pooler]:
    """Run a pooler, and stop it in the end."""
    folder.mkdir()
    pooler = Pooler(folder, production, server)
    try:
        yield pooler
    finally:
        pooler.stop()

"""Why a server cannot be reached: in the same words, whichever library reports it."""

import errno
import http.client
import os
import socket
import ssl
import urllib.error

import psycopg
import pytest

from service.domain.network_errors import reason_of

LIBPQ = 'connection to server at "db" (192.0.2.1), port 5432 failed: '
SAME: dict[str, list[Exception]] = {
    "unknown host": [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
        psycopg.OperationalError(
            'could not translate host name "db" to address: Name or service not known'
        ),
        psycopg.OperationalError(
            'could not translate host name "db" to address: Temporary failure in name resolution'
        ),
        psycopg.OperationalError("failed to resolve host 'db': [Errno -2] Name does not resolve"),
        psycopg.OperationalError("[Errno -2] Name or service not known"),
        psycopg.OperationalError("[Errno 8] nodename nor servname provided, or not known"),
    ],
    "connection refused": [
        ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)),
        psycopg.OperationalError(f"{LIBPQ}Connection refused\n\tIs the server running?"),
    ],
    "connection timeout": [
        TimeoutError("timed out"),
        TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)),
        psycopg.errors.ConnectionTimeout("connection timeout expired"),
        psycopg.OperationalError(f"{LIBPQ}Connection timed out"),
        psycopg.OperationalError(f"{LIBPQ}timeout expired"),
    ],
    "host unreachable": [
        OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)),
        OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)),
        psycopg.OperationalError(f"{LIBPQ}No route to host"),
    ],
    "connection lost": [
        ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)),
        http.client.RemoteDisconnected("Remote end closed connection without response"),
        psycopg.OperationalError(f"{LIBPQ}server closed the connection unexpectedly"),
    ],
    "TLS": [
        ssl.SSLCertVerificationError("certificate verify failed: self-signed certificate"),
        psycopg.OperationalError(f"{LIBPQ}SSL error: certificate verify failed"),
        psycopg.OperationalError(
            f'{LIBPQ}server certificate for "a" does not match host name "db"'
        ),
        psycopg.OperationalError(f'{LIBPQ}root certificate file "/x" does not exist'),
    ],
    "authentication failed": [
        psycopg.OperationalError(f'{LIBPQ}FATAL:  password authentication failed for user "u"'),
        psycopg.OperationalError(f'{LIBPQ}FATAL:  no pg_hba.conf entry for host "x", SSL off'),
        psycopg.OperationalError(f"{LIBPQ}fe_sendauth: no password supplied"),
    ],
    "too many connections": [
        psycopg.OperationalError(f"{LIBPQ}FATAL:  sorry, too many clients already"),
        psycopg.OperationalError(f"{LIBPQ}FATAL:  no more connections allowed (max_client_conn)"),
    ],
    "no such database or role": [
        psycopg.OperationalError(f'{LIBPQ}FATAL:  database "d" does not exist'),
        psycopg.OperationalError(f"{LIBPQ}FATAL:  no such database: d"),
    ],
}
CASES = [(reason, error) for reason, errors in SAME.items() for error in errors]


@pytest.mark.parametrize(("reason", "error"), CASES)
def test_every_library_has_the_same_words(reason, error):
    assert reason == reason_of(error)


def test_a_cause_tells_what_its_wrapper_does_not():
    wrapped = urllib.error.URLError("no")
    wrapped.__cause__ = socket.gaierror(socket.EAI_NONAME, "?")
    assert "unknown host" == reason_of(wrapped)


@pytest.mark.parametrize("error", [None, ValueError("a secret"), OSError(errno.EIO, "?")])
def test_other_errors_tell_nothing(error):
    assert reason_of(error) is None

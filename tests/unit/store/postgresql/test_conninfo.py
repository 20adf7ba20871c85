"""An invalid URL of a PostgreSQL server stops the start with its reason."""

import pytest

from service.settings import SettingsError
from service.store.postgresql.conninfo import conninfo_of


@pytest.mark.parametrize("ports", ["port", "0", "65536", "5432,x", "-1", "²"])
def test_an_invalid_port_is_refused_early_and_not_repeated(ports):
    hosts = ",".join(f"host:{port}" for port in ports.split(","))
    with pytest.raises(SettingsError, match="a port is no number") as refused:
        conninfo_of(f"postgresql://me:secret@{hosts}/db")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("hosts", ["host", "host:5432", "a:1,b:65535", "a,b:5433", "[::1]:5432"])
def test_ports_may_be_left_out(hosts):
    conninfo_of(f"postgresql://{hosts}/db")

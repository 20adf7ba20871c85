"""Idle connections: a queue from which any connection can be removed."""

from service.server.connections import IdleConnections


def test_idle_connections_leave_in_any_order():
    idle = IdleConnections()
    for name in "abc":
        idle.append(name)
    idle.remove("b")
    assert (["a", "c"], 2, "a") == (list(idle), len(idle), idle[0])
    assert ["a", "c"] == [idle.popleft(), idle.popleft()]
    assert not idle

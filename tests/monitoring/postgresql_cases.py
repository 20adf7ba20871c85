"""When each alert on PostgreSQL fires and when it does not: a value for each minute.

The clock of promtool begins at 0, and 86400 is therefore a day after the beginning.
"""

from tests.tools.monitoring.promtool import Case, Series

OF = 'namespace="discount",cnpg_cluster="discount-db"'
GIB = 2**30


def archiver(archived: str, failed: str, ready: str = "0x300") -> Series:
    """The times of the last success and of the last failure, and the segments that wait."""
    return {
        f'cnpg_pg_stat_archiver_last_archived_time{{{OF},pod="discount-db-1"}}': archived,
        f'cnpg_pg_stat_archiver_last_failed_time{{{OF},pod="discount-db-1"}}': failed,
        f'cnpg_collector_pg_wal_archive_status{{{OF},pod="discount-db-1",value="ready"}}': ready,
    }


def backup(at: str) -> Series:
    name = "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"
    return {f'{name}{{{OF},pod="discount-db-{number}"}}': at for number in (1, 2, 3)}


def standbys(connected: str, wanted: str = "1x60") -> Series:
    """What the primary says; a standby has no standbys."""
    name = "cnpg_pg_replication_streaming_replicas"
    return {
        f'{name}{{{OF},pod="discount-db-1"}}': connected,
        f'{name}{{{OF},pod="discount-db-2"}}': "0x60",
        f'cnpg_collector_sync_replicas{{{OF},pod="discount-db-1",value="observed"}}': wanted,
    }


def volume(available: str, claim: str = "discount-db-1-wal") -> Series:
    """The free space of a volume of 10 GiB, in a namespace that has a database."""
    of = f'namespace="discount",persistentvolumeclaim="{claim}"'
    return {
        f"kubelet_volume_stats_available_bytes{{{of}}}": available,
        f"kubelet_volume_stats_capacity_bytes{{{of}}}": f"{10 * GIB}x300",
        f'cnpg_collector_pg_wal{{{OF},pod="discount-db-1",value="size"}}': "0x300",
    }


def wal(size: str) -> Series:
    name = f'cnpg_collector_pg_wal{{{OF},pod="discount-db-1",value='
    return {f'{name}"size"}}': size, f'{name}"volume_size"}}': f"{10 * GIB}x60"}


def backends(active: str, idle: str) -> Series:
    name = f'cnpg_backends_total{{{OF},pod="discount-db-1",usename="discount",state='
    setting = f'cnpg_pg_settings_setting{{{OF},pod="discount-db-1",name='
    return {
        f'{name}"active"}}': active,
        f'{name}"idle"}}': idle,
        f'{setting}"max_connections"}}': "100x20",
        f'{setting}"work_mem"}}': "1x20",
    }


def pooler(wait: str, us: str = "0x20") -> Series:
    of = f'{OF},pod="discount-pooler-1",database="discount",user="discount"'
    return {
        f"cnpg_pgbouncer_pools_maxwait{{{of}}}": wait,
        f"cnpg_pgbouncer_pools_maxwait_us{{{of}}}": us,
    }


def transaction(seconds: str, state: str = "idle in transaction") -> Series:
    of = f'{OF},pod="discount-db-1",usename="postgres",application_name="psql",state="{state}"'
    return {f"cnpg_backends_max_tx_duration_seconds{{{of}}}": seconds}


def age(xid: str, mxid: str = "0x80") -> Series:
    of = f'{OF},pod="discount-db-1",datname="discount"'
    return {
        f"cnpg_pg_database_xid_age{{{of}}}": xid,
        f"cnpg_pg_database_mxid_age{{{of}}}": mxid,
    }


def lag(seconds: str) -> Series:
    return {f'cnpg_pg_replication_lag{{{OF},pod="discount-db-2"}}': seconds}


def collections(total: str, error: str = "0x60", of: str = OF) -> Series:
    return {
        f'cnpg_collector_collections_total{{{of},pod="discount-db-1"}}': total,
        f'cnpg_collector_last_collection_error{{{of},pod="discount-db-1"}}': error,
    }


CASES = {
    ("DiscountPostgresArchiveFailing", "critical"): Case(
        "20m",
        [
            archiver("60x30", "120+60x30"),
            archiver("-1x30", "120+60x30"),  # it never worked
        ],
        [
            archiver("0+60x30", "-1x30"),
            archiver("60x10 720+60x30", "120+60x10 720x30"),  # it works again
            archiver("0+60x30", "30x30"),
        ],
    ),
    ("DiscountPostgresArchiveFailing", "warning"): Case(
        "30m",
        [
            archiver("60x40", "-1x40", "2x40"),  # it hangs
            archiver("0+60x40", "-1x40", "0+10x40"),
        ],
        [
            archiver("60x40", "-1x40"),  # nothing is written
            archiver("0+60x40", "-1x40", "1x40"),
            archiver("0+60x40", "-1x40", "70x10 3x30"),
        ],
    ),
    ("DiscountBackupTooOld", "warning"): Case(
        "32h",
        [backup("0x2000"), backup("1800x2000")],
        [
            backup("0x1500 93600x500"),  # the second night's
            backup("0x1850 111300x150"),  # late
        ],
    ),
    ("DiscountPostgresStandbyMissing", "critical"): Case(
        "10m",
        [standbys("2 0x20"), standbys("1x20", "2x60")],
        [standbys("2x20"), standbys("1x20"), standbys("2x9 0 2x20"), standbys("0x20", "0x60")],
    ),
    ("DiscountPostgresStandbyMissing", "warning"): Case(
        "20m", [standbys("2 1x40"), standbys("0x40")], [standbys("2x40"), standbys("1x10 2x30")]
    ),
    ("DiscountPostgresReplicationLag", "warning"): Case(
        "10m", [lag("0+30x20")], [lag("5x20"), lag("100x4 3x20")]
    ),
    ("DiscountPostgresDiskFilling", "critical"): Case(
        "2h",
        [
            volume(f"{GIB - 1}x200"),
            volume(f"{8 * GIB}-40000000x200"),  # none is left in an hour and a half
            volume(f"{GIB - 1}x200", "discount-db-2"),
        ],
        [
            volume(f"{5 * GIB}x200"),
            volume(f"{9 * GIB}-20000000x200"),  # a restore, and much is left
            volume(f"{GIB - 1}x200", "something-else"),
            {k: v for k, v in volume(f"{GIB - 1}x200").items() if "kubelet" in k},  # another's
        ],
    ),
    ("DiscountPostgresDiskFilling", "warning"): Case(
        "20m",
        [volume(f"{2 * GIB}x60"), wal(f"{7 * GIB}x60")],
        [volume(f"{3 * GIB}x60"), wal(f"{5 * GIB}x60"), volume(f"{2 * GIB}x60", "else")],
    ),
    ("DiscountPostgresConnectionsExhausted", "warning"): Case(
        "10m",
        [backends("41x20", "50x20"), pooler("1x20", "500000x20"), pooler("2x20")],
        [backends("40x20", "50x20"), pooler("0x20", "900000x20"), pooler("3x5 0x15")],
    ),
    ("DiscountPostgresLongTransaction", "warning"): Case(
        "10m",
        [transaction("0+60x20"), transaction("0+60x20", "active")],
        [transaction("0+20x20"), transaction("0 300x3 400 0x20")],
    ),
    ("DiscountPostgresWraparound", "warning"): Case(
        "70m",
        [age("500000001x80"), age("0x80", "600000001x80")],
        [age("200000000x80"), age("0x80", "400000000x80")],
    ),
    ("DiscountPostgresUnmonitored", "warning"): Case(
        "40m",
        [
            {"up": "1x60"},
            collections("0+1x20 _x40"),
            collections("0+1x60", "1x60"),
            # of two installations, one
            collections("0+1x60")
            | collections("0+1x20 _x40", "0x20 _x40", 'namespace="b",cnpg_cluster="discount-db"'),
        ],
        [collections("0+1x60"), collections("0+1x60", "1x35 0x20")],
    ),
}

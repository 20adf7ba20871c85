"""The database, its disk, and the connections to it."""

from tests.tools.monitoring.promtool import Case, Only, Series

GIB = 1024**3
MIB = 1024**2


def connections(in_use: str) -> Series:
    return {
        'discount_database_connections{state="in_use"}': in_use,
        "discount_database_connections_max": "18x20",
    }


def queue(waiting: str, done: str) -> Series:
    return {"discount_commit_waiting": waiting, "discount_commit_batch_size_sum": done}


def writes(seconds: str, count: str) -> Series:
    name = 'discount_database_seconds_%s{operation="write"}'
    return {name % "sum": seconds, name % "count": count}


def revisions(there: str, wanted: str) -> Series:
    return {"discount_schema_revision": there, "discount_schema_revision_wanted": wanted}


def errors(error: str, values: str) -> Series:
    return {f'discount_database_errors_total{{error="{error}"}}': values}


def free(values: str) -> Series:
    return {"discount_disk_free_bytes": values}


def wal(values: str) -> Series:
    return {"discount_wal_bytes": values}


def backup(values: str) -> Series:
    return {"discount_last_backup_timestamp_seconds": values}


CASES = {
    ("DiscountDatabaseUnreachable", "critical"): Case(
        "5m",
        [{"discount_database_up": "1 0x10"}],
        [{"discount_database_up": "1x10"}, {"discount_database_up": "1 1 1 1 1 0 1"}],
    ),
    ("DiscountBackupTooOld", "warning"): Case(
        "3d",
        [backup("3600x73"), backup("0x73")],
        [
            backup("3600x25 90000x48"),  # another one
            backup("_x66 0x7"),  # a new installation
            {'discount_database_up{job="on PostgreSQL"}': "1x73"},
        ],
        interval="1h",
    ),
    ("DiscountDiskFull", "critical"): Case(
        "9m",
        [
            errors("SQLITE_FULL", "0x5 1 2 3x10"),
            errors("53100", "0x5 1 2 3x10"),
            errors("SQLITE_FULL", "_x7 3x10") | {"up": "1x20"},  # the series begins with them
            {'discount_disk_low{instance="a"}': "0 1x10"},
            Only(
                {
                    'discount_disk_low{cluster="a",namespace="n"}': "0x10",
                    'discount_disk_low{cluster="b",namespace="n"}': "1x10",
                },
                'cluster="b"',
            ),
        ],
        [
            {'discount_disk_low{instance="a"}': "0x10"},
            errors("SQLITE_BUSY", "0x5 1 2 3x10"),
            errors("SQLITE_FULL", "_ 3x20") | {"up": "1x20"},  # it is over
            errors("SQLITE_FULL", "_x8 3x20"),  # Prometheus has just begun
        ],
    ),
    ("DiscountDiskFilling", "critical"): Case(
        "12m",
        [
            # From 4 GiB, 0.2 GiB a minute: in 20 minutes.
            free(f"{4 * GIB}x4 {4 * GIB}-{GIB // 5}x20"),
            free(f"{2 * GIB}-{GIB // 10}x20"),
        ],
        [
            free(f"{4 * GIB}x20"),
            free(f"{100 * GIB}x7 {100 * GIB}-{GIB // 5}x20"),
            free(f"{4 * GIB}x4 {2 * GIB}x20"),  # somebody has put a large file there
            free(f"{GIB}+{GIB // 5}x20"),
        ],
    ),
    ("DiscountDiskFilling", "warning"): Case(
        "90m",
        [free(f"{40 * GIB}-{GIB // 5}x100")],
        [free(f"{400 * GIB}-{GIB // 5}x100"), free(f"{9 * GIB}x100")],
    ),
    ("DiscountWalGrowing", "warning"): Case(
        "4m",
        [
            wal(f"{7 * MIB}x4 {7 * MIB}+{101 * MIB}x40"),  # 7 to 816 MB in two minutes
            wal(f"{600 * MIB}x40"),
        ],
        [
            wal(f"{7 * MIB}x40"),
            wal(f"0x4 {60 * MIB}x40"),  # an import
            wal(f"{80 * MIB}x40"),
            wal(f"{7 * MIB}x4 {7 * MIB}+{101 * MIB}x8 {4 * MIB}x40"),
        ],
        interval="15s",
    ),
    ("DiscountMigrationMissing", "critical"): Case(
        "5m",
        [revisions("3x10", "4x10"), revisions("0x10", "4x10")],
        [revisions("4x10", "4x10"), revisions("5x10", "4x10"), revisions("3 4x10", "4x10")],
    ),
    ("DiscountConnectionPoolSaturated", "warning"): Case(
        "10m", [connections("16x20")], [connections("13x20"), connections("18 2x20")]
    ),
    ("DiscountCommitQueueGrowing", "warning"): Case(
        "6m",
        [
            queue("50x10", "0+600x10"),
            queue("50x10", "7x10"),  # nothing is written any more
            writes("0+120x10", "0+60x10"),
        ],
        [queue("50x10", "0+60000x10"), queue("0x10", "7x10"), writes("0+1x10", "0+60x10")],
    ),
}

"""Invariants of imports, in the form of `maintenance/invariants.py`.

`|| ''`, `coalesce` and lengths prevent that an index is read instead of its table.
"""

_IDS = "SELECT id || '' FROM {} WHERE coalesce(created_at, 0) IS NOT NULL"
_NO_LIST = f"file || '' NOT IN ({_IDS.format('import_file')})"
_NO_JOB = f"job_id || '' NOT IN ({_IDS.format('job')})"
_COUNTED = "SELECT brand_id + 0, NULL, count({column}) FROM {table} WHERE {condition} GROUP BY 1"
_OPEN_WITHOUT_LIST = """
    SELECT brand_id + 0, campaign_id + 0, count(created_at) FROM job
    WHERE coalesce(finished_at, 0) = 0 AND (
        kind || '' = 'import' OR kind || '' IN ('disable', 'enable') AND parameters LIKE '%"file":%'
    )
    AND id || '' NOT IN (SELECT coalesce(job_id, '') || '' FROM import_file)
    GROUP BY 1, 2
"""


def _counted(table: str, column: str, condition: str) -> str:
    """Return a statement that finds rows for which `condition` is true."""
    return _COUNTED.format(table=table, column=column, condition=condition)


INVARIANTS = (
    (
        "import-block",
        "the list of each block exists",
        _counted("import_block", "length(content)", _NO_LIST),
    ),
    (
        "import-run",
        "the list of each run of codes exists",
        _counted("import_run", "length(content)", _NO_LIST),
    ),
    (
        "import-row",
        "the list of each staged code exists",
        _counted("import_row", "line", _NO_LIST),
    ),
    (
        "import-form",
        "staged codes have a valid format",
        _counted("import_row", "line", "NOT {legal_code}"),
    ),
    (
        "import-file",
        "the job of each list exists, once a job has taken the list",
        _counted("import_file", "created_at", f"job_id IS NOT NULL AND {_NO_JOB}"),
    ),
    (
        "import-refusal",
        "the job of each rejected line exists",
        _counted("import_refusal", "reason", _NO_JOB),
    ),
    ("import-list", "each unfinished job of a list has the list", _OPEN_WITHOUT_LIST),
)
"""Invariants with their names, meanings and statements."""

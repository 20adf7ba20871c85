"""Paths and tables of imports."""

from tests.api.conftest import C

IMPORTS = f"{C}/imports"

TABLES = ("import_file", "import_block", "import_run", "import_row")

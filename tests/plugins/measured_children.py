"""A plugin of `make coverage`: what tests start with an environment of its own is measured, too.

coverage.py finds its settings in the environment, and tests leave out of it whatever they do not
need: this puts them back, but for what a shell limits, which could not keep its measurements.
https://coverage.readthedocs.io/en/latest/subprocess.html
"""

import os
import subprocess
from typing import Any

_start = subprocess.Popen.__init__


def _start_measured(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> None:
    if options.get("env") is not None and "ulimit" not in str(arguments):
        settings = {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}
        options["env"] = {**options["env"], **settings}
    _start(self, *arguments, **options)


subprocess.Popen.__init__ = _start_measured  # type: ignore[method-assign]

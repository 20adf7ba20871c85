"""The Discount Service: brands own pools of secret codes, each user gets one and keeps it."""

import os

__version__ = "0.1.0"

# prometheus-client reads this when it is imported. What is set from outside may be anywhere, and
# would mix our counters with others'; a server names a folder of its own (`counter_files.py`).
for _name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
    os.environ.pop(_name, None)

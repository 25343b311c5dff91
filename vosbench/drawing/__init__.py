"""Draw matplotlib figures at paper width from finished tables and pictures."""

from __future__ import annotations

import logging

from vosbench.errors import needing

# where it keeps its fonts, and how long that takes, is not for our readers
logging.getLogger("matplotlib").setLevel(logging.ERROR)

with needing("drawing a figure"):
    import matplotlib  # noqa: F401, every module here does

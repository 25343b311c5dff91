"""Draw matplotlib figures at paper width from finished tables and pictures."""

from __future__ import annotations

from vosbench.errors import needing

with needing("drawing a figure"):
    import matplotlib  # noqa: F401, every module here does

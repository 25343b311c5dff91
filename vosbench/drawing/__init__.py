"""Plain values and pictures -> matplotlib figures at paper width, shared by all that draws."""

from __future__ import annotations

from vosbench.errors import needing

with needing("drawing a figure"):
    import matplotlib  # noqa: F401, every module here does

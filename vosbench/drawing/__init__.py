"""Plain values and pictures -> matplotlib figures at paper width, shared by all that draws."""

from __future__ import annotations

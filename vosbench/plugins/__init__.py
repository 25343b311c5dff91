"""Puts the folders of plugins on the path as vosbench.plugins.methods, .datasets and .reports."""

import os
from pathlib import Path

_checkout = Path(__file__).resolve().parents[2]
if (_checkout / "pyproject.toml").is_file() and (_checkout / "methods").is_dir():
    __path__.append(str(_checkout))
__path__.extend(p for p in os.environ.get("VOSBENCH_PLUGINS", "").split(os.pathsep) if p)

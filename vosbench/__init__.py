"""vosbench: how well does a method carry an object's mask through a video, and why does it fail?"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from vosbench.provenance import VERSION

        return VERSION
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

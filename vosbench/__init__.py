"""vosbench: how well does a method carry an object's mask through a video, and why does it fail?

The public API; each name is imported when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

    from vosbench import errors, metrics
    from vosbench.api import (
        analyse,
        compare,
        convert,
        dataset,
        evaluate,
        explain,
        method,
        pack,
        report,
        run,
        train,
    )
    from vosbench.filming.show import show
    from vosbench.results import Result, load
    from vosbench.segmenting.segment import segment

__all__ = [
    "Result",
    "__version__",
    "analyse",
    "compare",
    "convert",
    "dataset",
    "errors",
    "evaluate",
    "explain",
    "load",
    "method",
    "metrics",
    "pack",
    "report",
    "run",
    "segment",
    "show",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import what a public name stands for (PEP 562)."""
    if name == "__version__":
        from vosbench.provenance import VERSION

        return VERSION
    if name in ("errors", "metrics"):
        import vosbench.errors
        import vosbench.metrics

        return getattr(vosbench, name)
    if name == "show":
        from vosbench.filming.show import show

        return show
    if name == "segment":
        from vosbench.segmenting.segment import segment

        return segment
    if name in __all__:
        from vosbench import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

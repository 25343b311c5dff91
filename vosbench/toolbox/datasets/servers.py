"""Servers of several benchmarks that were on one platform, and what became of it."""

from __future__ import annotations


def on_codalab(competition: int, split: str) -> str:
    """A server of CodaLab that took masks of a split, in a sentence for `DatasetCard.server`."""
    return (
        f"https://codalab.lisn.upsaclay.fr/competitions/{competition} took masks of {split}; its "
        "users were told that CodaLab would close in December 2025 (github.com/henghuiding/MOSE-api"
        ", issue 18), and no other server is known (2026-11)"
    )

"""What a run is made of: each sequence is built once, and no more are kept than memory allows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from vosbench import api
from vosbench.running import records, resolved
from vosbench.running.config import RunConfig
from vosbench.running.resolved import resolve
from vosbench.toolbox.datasets.layout import ListedDataset


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each sequence was built."""
    counted: Counter[str] = Counter()
    real = ListedDataset.sequence

    def sequence(self: ListedDataset, name: str) -> object:
        counted[name] += 1
        return real(self, name)

    monkeypatch.setattr(ListedDataset, "sequence", sequence)
    return counted


def test_a_run_builds_each_sequence_once(
    folder_root: Path, tmp_path: Path, built: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[str] = Counter()
    real = records.read_json

    def read_json(path: Path, *more: object, **words: object) -> object:
        read[path.stem] += 1
        return real(path, *more, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(records, "read_json", read_json)
    for times in (1, 2):
        scored = api.run("copy-first", "folder", root=folder_root, out=tmp_path)
        assert built == dict.fromkeys(("ant", "bee", "cat"), times)
        assert read == dict.fromkeys(("ant", "bee", "cat"), 1)
    assert len(scored.summary["sequences"]) == 3


def test_what_does_not_fit_is_built_again(
    folder_root: Path, tmp_path: Path, built: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolved, "ROOM", 10_000)  # ant: 6 frames and one mask of 32x48
    dataset = resolve(
        RunConfig(method="copy-first", dataset="folder", root=folder_root, out=tmp_path)
    ).dataset
    for name in ("ant", "bee", "ant", "bee"):
        assert dataset.sequence(name).name == name
    assert built == {"ant": 1, "bee": 2}
    assert dataset.names == ("ant", "bee", "cat")
    assert dataset.card.name == "folder"

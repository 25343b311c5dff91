"""What run.json says of a run, and what its label shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from vosbench.files import write_json
from vosbench.results import load_manifest
from vosbench.running import manifest
from vosbench.running.config import RunConfig
from vosbench.running.records import of_program
from vosbench.running.resolved import resolve
from vosbench.types import ProgramRun


def test_weights_are_labelled_with_their_folder(tmp_path: Path) -> None:
    labels = []
    for name in ("one/weights.safetensors", "two/weights.safetensors", "one/own.safetensors",
                 "two/own.safetensors"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        config = RunConfig(method="rpmnet", dataset="synthetic", options={"weights": str(path)})
        labels.append(manifest.describe(resolve(config))["label"])
    assert labels == [
        "rpmnet weights=one/weights.safetensors", "rpmnet weights=two/weights.safetensors",
        "rpmnet weights=one/own.safetensors", "rpmnet weights=two/own.safetensors",
    ]  # fmt: skip


def test_what_a_training_complained_of_travels_with_the_run() -> None:
    def told(method: str, **options: str) -> list[str]:
        config = RunConfig(method=method, dataset="synthetic", options=options)
        described = manifest.describe(resolve(config))
        assert described["shipped_weights"] == (
            [] if options["weights"] == "none" else [f"{options.get('backbone', method)}@2026-11"]
        )
        found: list[str] = described["complaints"]
        return found

    (said,) = told("rpmnet-dilation-6", weights="2026-11")
    assert said.startswith("no motion found: collapsed to the identity, 100% of the offsets")
    assert told("rpmnet-conv-3", weights="2026-11") == told("rpmnet", weights="none") == []
    encoder = {"backbone": "rpmnet-dilation-6", "weights": "2026-11"}
    assert told("label-propagation", **encoder) == [], "it takes the encoder, not the matching"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("python3 infer.py --frames {frames} --masks={masks} -o {out}", "python3 infer.py"),
        ("python3 infer.py {frames}/{first} {out} --size 480", "python3 infer.py --size 480"),
        ("/bin/echo {out}", "bin/echo"),
        ("python3 track.py -v {mp4} -m {masks} -o {out} --hd", "python3 track.py --hd"),
    ],
)
def test_a_command_line_is_labelled_without_what_is_filled_in(line: str, shown: str) -> None:
    config = RunConfig(method="command", dataset="synthetic", options={"run": line})
    assert manifest.describe(resolve(config))["label"] == f"command run={shown}"


def test_what_a_program_took_stands_in_run_json_and_frames_have_no_times(tmp_path: Path) -> None:
    config = RunConfig(method="copy-first", dataset="synthetic", sequences=("plain", "crowd"))
    described = manifest.describe(resolve(config))
    (tmp_path / "sequences").mkdir()
    manifest.start(tmp_path, described, computing=True)
    for name, seconds, status in (("plain", 6.0, 0), ("crowd", 3.0, 0)):
        record = {
            "sequence": name, "frames": 3, "frame_names": ["0", "1", "2"], "seconds": [0.1] * 3,
            "masks_sha256": "a", "data_sha256": "b", "made_by": "c", "peak_memory_bytes": 5,
        }  # fmt: skip
        ran = ProgramRun(
            seconds, 9, {"version": "Python 3", "exit_status": status, "took": seconds}
        )
        write_json(tmp_path / "sequences" / f"{name}.json", record | of_program(ran, record))
    manifest.finish(tmp_path, done=["plain", "crowd"], failed={})
    found = load_manifest(tmp_path)
    assert found["timing"]["mean_seconds_of_all"] == pytest.approx(9 / 6)
    assert found["timing"]["median_seconds"] is None
    assert found["timing"]["p95_seconds"] is None
    assert found["timing"]["frames"] == 0
    assert "no frame has a time of its own" in found["timing"]["what"]
    assert found["peak_memory_bytes"] == 9
    assert found["program"] == {
        "version": "Python 3", "exit_status": 0, "took": {"plain": 6.0, "crowd": 3.0}
    }  # fmt: skip
    assert (tmp_path / "timing.csv").read_text() == "sequence,frame,seconds\n"

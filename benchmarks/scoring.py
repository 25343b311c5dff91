"""CPU seconds and peak memory of scoring, side by side with decoding alone and with vos-benchmark.

Scores the OSVOS masks of the ten real sequences of DAVIS-2016 in VOSBENCH_DATA. Each row is a
process of its own, imports included, on one core; CPU seconds are user + system, and medians of
the repeats, which take turns so that a busy machine is unfair to nobody.

    VOSBENCH_DATA=DIR python benchmarks/scoring.py [--repeats 5]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

PILLOW = """
import sys, numpy
from pathlib import Path
from PIL import Image
for folder in sys.argv[1:3]:
    for path in sorted(Path(folder).glob("*/*.png")):
        with Image.open(path) as image:
            numpy.array(image)
"""
OURS = """
import sys
from pathlib import Path
from vosbench.masks import read_mask
for folder in sys.argv[1:3]:
    for path in sorted(Path(folder).glob("*/*.png")):
        read_mask(path)
"""
# its own reading and scoring, without the worker processes that would hide the memory; it reads
# 0/255 beside 0/1 as two objects, so both come as 0/1 from folders made beforehand
VOS_BENCHMARK = """
import sys
from pathlib import Path
from vos_benchmark.benchmark import VideoEvaluator
score = VideoEvaluator(*sys.argv[1:3])
for folder in sorted(Path(sys.argv[1]).iterdir()):
    score(folder.name)
"""


def main() -> None:
    """Run each row in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    if not os.environ.get("VOSBENCH_DATA"):
        sys.exit("set VOSBENCH_DATA to the folder that holds DAVIS-2016 and official-results")
    data = Path(os.environ["VOSBENCH_DATA"])
    truth = data / "DAVIS-2016/Annotations/480p"
    masks = data / "official-results/davis2016-val/osvos"
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "scores"
        evaluate = ["-m", "vosbench", "evaluate", masks, "--dataset", "davis2016"]
        commands = {
            "decode with Pillow": ["-c", PILLOW, truth, masks],
            "decode with vosbench.masks": ["-c", OURS, truth, masks],
            "vosbench evaluate": [*evaluate, "--root", data / "DAVIS-2016", "--out", out],
        }
        if importlib.util.find_spec("vos_benchmark"):
            pair = _as_ids(truth, Path(scratch) / "truth"), _as_ids(masks, Path(scratch) / "masks")
            commands["vos-benchmark"] = ["-c", VOS_BENCHMARK, *pair]
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(repeats):
            for name, command in commands.items():
                runs[name].append(_measure([sys.executable, *map(str, command)]))
    floor = statistics.median(cpu for cpu, _ in runs["decode with Pillow"])
    print(f"{'':28}{'CPU s':>8}{'min':>8}{'max':>8}{'x Pillow':>10}{'peak MB':>9}")
    for name, results in runs.items():
        seconds, peaks = zip(*results, strict=True)
        cpu = statistics.median(seconds)
        print(
            f"{name:28}{cpu:8.2f}{min(seconds):8.2f}{max(seconds):8.2f}{cpu / floor:10.2f}"
            f"{statistics.median(peaks):9.0f}"
        )


def _measure(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of one process and its children."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(process.stderr.read().decode())  # type: ignore[union-attr]
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _as_ids(source: Path, target: Path) -> Path:
    """A copy of the masks of which every foreground value is 1."""
    sys.path.insert(0, str(ROOT))
    from vosbench.masks import read_mask, write_mask

    for path in sorted(source.glob("*/*.png")):
        copy = target / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_mask(copy, (read_mask(path) > 0).astype("uint8"))
    return target


if __name__ == "__main__":
    main()

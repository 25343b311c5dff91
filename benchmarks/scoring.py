"""CPU seconds and peak memory of scoring, side by side with decoding alone and with other scorers.

First the OSVOS masks of the ten real sequences of DAVIS-2016 in VOSBENCH_DATA, then 400 drawn
frames of two objects in the layouts of five benchmarks, each beside the scorer of that benchmark,
then what `evaluate` costs by itself. Each row is a command of its own, imports included; CPU
seconds are user + system of it and its children, and medians of the repeats, which take turns so
that a busy machine is unfair to nobody; a first turn, which compiles what is imported, does not
count. Peak memory is that of the largest process.

    VOSBENCH_DATA=DIR python benchmarks/scoring.py [--repeats 5] [--scorers DIR]
        [--python NAME=PATH ...]

`--scorers` holds clones under their own names (MOSE-api, sam2, lvos-evaluation,
davis2017-evaluation, VOST); one that is not there is skipped. `--python` names the Python for a
scorer that needs another NumPy: lvos-evaluation runs with NumPy 1.26, VOST with 2 (not with 1.24
to 1.26).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from drawn_trees import Tree, draw, repeated

ROOT = Path(__file__).parents[1]
BYTECODE = Path(tempfile.gettempdir()) / f"vosbench-bytecode-{os.getpid()}"

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


# where each scorer's command lies in its clone, and what it is given of a drawn tree
SCORERS = {
    "MOSE-api": (
        "mosev2",
        "MOSEv2/sam2_rcms/tools/score.py --meta {root}/meta.json --ann {truth} --pred {masks} "
        "--output {scratch}/mosev2",
    ),
    "davis2017-evaluation": (
        "davis2017",
        "evaluation_method.py --davis_path {root} --set val --task semi-supervised "
        "--results_path {masks}",
    ),
    "sam2": ("sav", "sav_dataset/sav_evaluator.py --gt_root {truth} --pred_root {masks} -n 1"),
    "lvos-evaluation": (
        "lvos-v2",
        "evaluation_method.py --lvos_path {root} --set valid --mp_nums 1 --results_path {masks}",
    ),
    "VOST": (
        "vost",
        "evaluation/evaluation_method.py --dataset_path {root} --results_path {masks}",
    ),
}


class Command(NamedTuple):
    """A command, where it runs, and the folders whose tables it would read instead of masks."""

    words: Sequence[str | Path]
    place: Path = ROOT
    tables: tuple[Path, ...] = ()
    out: Path | None = None


class Cost(NamedTuple):
    """CPU seconds, peak memory in MB and wall seconds."""

    cpu: float
    peak: float
    wall: float


def main() -> None:
    """Measure each table in turn and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scorers", type=Path, help="folder of clones of official scorers")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--skip-real", action="store_true", help="leave out DAVIS-2016")
    options = parser.parse_args()
    if wrong := [each for each in options.python if "=" not in each]:
        parser.error(f"--python {wrong[0]} is not of the form NAME=PATH")
    if options.repeats < 1:
        parser.error("--repeats must be 1 or more")
    if options.scorers and not options.scorers.is_dir():
        parser.error(f"--scorers {options.scorers} is not a folder")
    data = os.environ.get("VOSBENCH_DATA")
    if not data and not options.skip_real:
        sys.exit("set VOSBENCH_DATA to the folder that holds DAVIS-2016 and official-results")
    pythons = dict(each.split("=", 1) for each in options.python)
    with tempfile.TemporaryDirectory() as scratch:
        print(_load())
        if data and not options.skip_real:
            _real(Path(data), Path(scratch), options.repeats)
        folder = Path(scratch) / "drawn"
        trees = draw(folder, sequences=4, frames=100, shape=(480, 854))
        _side_by_side(trees, folder, options.scorers, pythons, options.repeats)
        _alone(folder, options.repeats)
        print(_load())
    shutil.rmtree(BYTECODE, ignore_errors=True)


def _load() -> str:
    one, five, _ = os.getloadavg()
    return f"load {one:.1f} (five minutes {five:.1f}) on {os.cpu_count()} cores"


def _real(data: Path, scratch: Path, repeats: int) -> None:
    """The ten sequences of DAVIS-2016, beside decoding them and vos-benchmark."""
    truth = data / "DAVIS-2016/Annotations/480p"
    masks = data / "official-results/davis2016-val/osvos"
    commands = {
        "decode with Pillow": _code(PILLOW, truth, masks),
        "decode with vosbench.masks": _code(OURS, truth, masks),
        "vosbench evaluate": _evaluate(
            "davis2016", data / "DAVIS-2016", masks, out=scratch / "scores"
        ),
    }
    if importlib.util.find_spec("vos_benchmark"):
        pair = _as_ids(truth, scratch / "truth"), _as_ids(masks, scratch / "masks")
        commands["vos-benchmark"] = _code(VOS_BENCHMARK, *pair)
    costs = _in_turns(commands, repeats)
    floor = statistics.median(cost.cpu for cost in costs["decode with Pillow"])
    _print("ten sequences of DAVIS-2016", "x Pillow", costs, dict.fromkeys(costs, 1 / floor))


def _side_by_side(
    trees: Mapping[str, Tree],
    scratch: Path,
    clones: Path | None,
    pythons: Mapping[str, str],
    repeats: int,
) -> None:
    """Each benchmark's scorer beside `vosbench evaluate` on the same 400 drawn frames."""
    commands: dict[str, Command] = {}
    ours = {}  # name of a scorer's row -> that of ours
    for scorer, (dataset, words) in SCORERS.items():
        tree = trees[dataset]
        own = f"vosbench, {dataset}"
        commands[own] = _evaluate(dataset, tree.root, tree.masks, out=scratch / f"out-{dataset}")
        script = None if clones is None else (clones / scorer).resolve() / words.split()[0]
        if script is None or not script.is_file():
            why = f"{script} is not there" if script else "give --scorers DIR"
            print(f"{scorer} is skipped: {why}")
            continue
        given = [each.format(**tree._asdict(), scratch=scratch) for each in words.split()[1:]]
        # lvos-evaluation reads its lists of videos from the folder it runs in
        python = pythons.get(scorer, sys.executable)
        commands[scorer] = Command((python, script, *given), tree.root, (tree.masks,))
        ours[scorer] = own
    if importlib.util.find_spec("vos_benchmark"):
        tree = trees["davis2017"]
        commands["vos-benchmark"] = _code(VOS_BENCHMARK, tree.truth, tree.masks)
        ours["vos-benchmark"] = "vosbench, davis2017"
    costs = _in_turns(commands, repeats)
    shares = {
        scorer: 1 / statistics.median(cost.cpu for cost in costs[own])
        for scorer, own in ours.items()
    }
    _print("400 drawn frames at 480x854, two objects", "x vosbench", costs, shares)


def _alone(scratch: Path, repeats: int) -> None:
    """What `evaluate` costs where it has little to read, of 500 videos, and with two workers."""
    tiny = draw(scratch / "tiny", sequences=1, frames=3, shape=(32, 32))["davis2017"]
    many = draw(scratch / "many", sequences=2000, frames=3, shape=(32, 32))["davis2017"]
    few = draw(scratch / "few", sequences=4, frames=24, shape=(480, 854))["davis2017"]
    large = repeated(few, scratch / "large", copies=125)
    kept = scratch / "kept"
    first = _evaluate("davis2017", large.root, large.masks, out=kept)
    commands = {
        "start-up: 3 frames of 32x32": _evaluate("davis2017", tiny.root, tiny.masks),
        "500 videos, two workers": _evaluate(
            "davis2017", large.root, large.masks, "--workers", "2", out=kept.with_name("two")
        ),
        "500 videos, one worker": first,
        # after the one that leaves it counts to read
        "500 videos, another protocol": _evaluate(
            "davis2017", large.root, large.masks, "--protocol", "sav", "--out", kept
        ),
    }
    costs = _in_turns(commands, repeats)
    costs["2,000 sequences of 3 frames"] = [_cost(_evaluate("davis2017", many.root, many.masks))]
    _print("vosbench evaluate by itself", "wall s", costs, None)
    cpu = {name: statistics.median(cost.cpu for cost in each) for name, each in costs.items()}
    wall = {name: statistics.median(cost.wall for cost in each) for name, each in costs.items()}
    each = cpu["2,000 sequences of 3 frames"] - cpu["start-up: 3 frames of 32x32"]
    print(f"a short sequence costs {each / 2000 * 1000:.2f} ms")
    one, two = (wall[f"500 videos, {how}"] for how in ("one worker", "two workers"))
    print(f"two workers are {one / two:.2f} times as fast as one")


def _code(text: str, *given: Path) -> Command:
    return Command((sys.executable, "-c", text, *given))


def _evaluate(
    dataset: str, root: Path, masks: Path, *more: str | Path, out: Path | None = None
) -> Command:
    """The command; out: a folder to write to, which is emptied first, as it would keep counts."""
    words = (sys.executable, "-m", "vosbench", "evaluate", masks, "--dataset", dataset)
    written = () if out is None else ("--out", out)
    return Command((*words, "--root", root, *more, *written), tables=(masks,), out=out)


def _in_turns(commands: Mapping[str, Command], repeats: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            cost = _cost(command)
            if turn:  # the first one compiles what it imports, which an installed package has done
                costs[name].append(cost)
    return costs


def _print(
    title: str, last: str, costs: Mapping[str, Sequence[Cost]], shares: Mapping[str, float] | None
) -> None:
    """A table; shares: what the CPU seconds of a row are multiplied by for its last column.

    Without shares the last column has the median of wall seconds.
    """
    print(f"\n{title}\n{'':32}{'CPU s':>8}{'min':>8}{'max':>8}{'peak MB':>9}{last:>12}")
    for name, each in costs.items():
        cpu = [cost.cpu for cost in each]
        peak = statistics.median(cost.peak for cost in each)
        if shares is None:
            figure = f"{statistics.median(cost.wall for cost in each):12.2f}"
        else:
            figure = f"{statistics.median(cpu) * shares[name]:12.2f}" if name in shares else ""
        print(
            f"{name:32}{statistics.median(cpu):8.2f}{min(cpu):8.2f}{max(cpu):8.2f}{peak:9.0f}{figure}"
        )


def _cost(command: Command) -> Cost:
    """Of one command and its children."""
    for table in _tables(command):  # several scorers print the table of an earlier run
        table.unlink()
    if command.out is not None:
        shutil.rmtree(command.out, ignore_errors=True)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": str(BYTECODE)}
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        environment.pop(name, None)
    if command.place == ROOT:
        environment["PYTHONPATH"] = str(ROOT)
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command.words],
        env=environment,
        cwd=command.place,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    told = process.stderr.read()  # type: ignore[union-attr]
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(told.decode())
    wall = time.perf_counter() - began
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, wall)


def _tables(command: Command) -> Iterator[Path]:
    for folder in command.tables:
        yield from folder.glob("*.csv")


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

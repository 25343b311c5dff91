"""Figures: what is drawn is what was given; files are sized for paper and the same each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from vosbench.analysis.groups import one_group
from vosbench.analysis.sweep import BASE
from vosbench.drawing import charts, from_masks, from_tables, pictures, style
from vosbench.drawing.charts import Curve, Point, Value
from vosbench.errors import UsageError
from vosbench.masks import write_mask
from vosbench.reporting import figures
from vosbench.results import Result
from vosbench.tables import Column, Table
from vosbench.toolbox.reports import looks
from vosbench.types import Sequence


def panels(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_bars_are_as_high_as_their_values_and_what_is_undefined_is_not_drawn() -> None:
    series = {"a": [Value(0.2, 0.1, 0.3), Value(None)], "b": [Value(0.4), Value(0.5)]}
    figure = charts.grouped_bars(["FM", "OCC"], series, ylabel="J mean (%)")
    (axes,) = panels(figure)
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([20, 40, 50])
    _, whisker = axes.collections  # a white one lies under it
    assert whisker.get_segments()[0][:, 1].tolist() == pytest.approx([10, 30])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["FM", "OCC"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_many_bars_go_on_several_rows() -> None:
    groups = [f"g{k}" for k in range(16)]
    figure = charts.grouped_bars(groups, {s: [Value(0.5)] * 16 for s in "abcde"}, ylabel="J")
    assert len(panels(figure)) == 2
    assert sum(len(axes.patches) for axes in panels(figure)) == 80


def test_series_differ_in_grey_too() -> None:
    figure = charts.grouped_bars(["x"], {s: [Value(0.5)] for s in "abc"}, ylabel="J")
    bars = panels(figure)[0].patches
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 3
    assert len(set(looks.COLOURS)) == len(looks.COLOURS) == len(looks.MARKERS)


def test_scores_stand_over_their_field_and_learned_ones_are_level() -> None:
    points = [
        Point("conv-3", 7, Value(0.35)),
        Point("dilation-9", 55, Value(0.27)),
        Point("rpmnet", None, Value(0.32)),
        Point("none", 3, Value(None)),
    ]
    (axes,) = panels(charts.score_by_field(points, ylabel="J"))
    drawn = [tuple(map(float, np.ravel(line.get_xydata()))) for line in axes.lines]
    assert drawn[:2] == [pytest.approx((7, 35)), pytest.approx((55, 27))]
    assert set(axes.lines[2].get_ydata()) == {32.0}
    said = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert said == ["conv-3 (7)", "dilation-9 (55)", "rpmnet (learned)"]


def test_lines_keep_their_colour_in_every_panel() -> None:
    one, two = Curve([0, 1], [0.1, 0.2], [0.0, 0.1], [0.2, 0.3]), Curve([0, 1], [0.5, 0.4])
    figure = charts.line_panels(
        {"ant": {"a": one, "b": two}, "bee": {"b": two}}, xlabel="frames", ylabel="J"
    )
    first, second = panels(figure)
    assert first.lines[1].get_color() == second.lines[0].get_color() != first.lines[0].get_color()
    assert first.lines[0].get_ydata().tolist() == pytest.approx([10, 20])
    assert len(first.collections) == 1  # the band
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("ant", "bee")


def test_a_figure_is_written_as_wide_as_the_page_and_the_same_each_time(tmp_path: Path) -> None:
    def drawn(name: str) -> tuple[Path, Path]:
        figure = charts.grouped_bars(["x"], {"a": [Value(0.5)]}, ylabel="J")
        return style.save(figure, tmp_path / "deep" / name)

    one, other = drawn("one"), drawn("two")
    with Image.open(one[0]) as image:
        assert image.width == round(style.PAGE * style.DPI)
    assert one[1].read_text().startswith("<?xml")
    assert [a.read_bytes() == b.read_bytes() for a, b in zip(one, other, strict=True)] == [True] * 2
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == [
        "one.png", "one.svg", "two.png", "two.svg",
    ]  # fmt: skip


def test_an_overlay_tints_objects_and_leaves_the_frame_alone() -> None:
    frame, mask = np.full((60, 90, 3), 100, np.uint8), np.zeros((60, 90), np.uint8)
    frame[..., 0] = 160
    mask[20:40, 10:40], mask[20:40, 50:80] = 1, 2
    drawn = pictures.overlay(frame, mask)
    assert (frame == (160, 100, 100)).all()
    assert drawn[30, 25].tolist() != drawn[30, 65].tolist()
    assert drawn[5, 5].tolist() == [132, 114, 114]  # nearly grey
    assert np.ptp(drawn[30, 25]) > 60
    assert (pictures.overlay(frame, np.zeros_like(mask)) == drawn[5, 5]).all()


def test_strips_hold_a_tile_for_each_picture() -> None:
    tile = pictures.Tile(np.zeros((20, 40, 3), np.uint8), "truth", "J 71")
    figure = pictures.strips([("libby", [tile, tile]), ("bear", [tile])])
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 3
    assert shown[0].get_title() == "truth"
    assert texts(shown[0]) == ["J 71"]
    assert shown[0].get_ylabel() == "libby"


def test_samples_lie_where_they_were_given() -> None:
    frame = np.zeros((24, 40, 3), np.uint8)
    row = pictures.Samples(
        label="rpmnet",
        reference=frame,
        target=frame,
        projection=frame[::4, ::4],
        names=("centre",),
        chosen=np.array([[10.0, 12.0]]),
        samples=np.array([[[9.0, 12.0], [50.0, 12.0]]]),
        matches=np.array([[11.0, 13.0]]),
    )
    target, both, projection = panels(pictures.sampling([row]))
    assert target.lines[0].get_xydata().tolist() == [[10, 12]]
    assert not target.collections
    for axes in (both, projection):
        assert axes.collections[-1].get_offsets().tolist() == [[9, 12], [50, 12]]
        assert axes.get_xlim() == (-0.5, 39.5)  # what lies outside does not stretch the frame
    assert projection.images[0].get_extent() == [-0.5, 39.5, 23.5, -0.5]


def test_maps_share_one_scale() -> None:
    frame = np.zeros((24, 40, 3), np.uint8)
    rows = [pictures.Map(n, frame, np.full((6, 10), v)) for n, v in (("a", 0.5), ("b", 1.0))]
    first, second, bar = panels(pictures.maps(rows, label="cosine", low=0.5, high=1.0))
    colours = {tuple(axes.images[1].to_rgba(np.array([0.7]))[0]) for axes in (first, second)}
    assert len(colours) == 1
    assert bar.get_ylabel() == "cosine"


def run(tmp_path: Path, name: str, scores: dict[str, list[float]], **options: Any) -> Result:
    """A scored run of method `m` over `ant` and `bee`, on disk, without frames."""
    folder = tmp_path / name
    folder.mkdir()
    rows = ["sequence,object,frame,J,F"]
    for sequence, values in scores.items():
        rows += [f"{sequence},1,{k:05d},{v},{v}" for k, v in enumerate(values, 1)]
        for k in range(len(values) + 1):
            path = folder / "masks" / sequence / f"{k:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mask(path, np.eye(8, 12, k=k, dtype=np.uint8))
    (folder / "scores.csv").write_text("\n".join(rows) + "\n")
    means = {sequence: sum(values) / len(values) for sequence, values in scores.items()}

    def three(mean: float) -> dict[str, float]:
        return {"mean": mean, "recall": mean, "decay": 0.0}

    each = [
        {"sequence": s, "objects": 1, "group": "", "J": three(m), "F": three(m), "J&F": m}
        for s, m in means.items()
    ]
    mean = sum(means.values()) / len(means)
    summary = {
        "protocol": {"name": "prompted", "average": "objects", "headline": ["J", "F"],
                     "description": "d", "source": "s"},
        "dataset": {"name": "toy", "split": "val", "sequences": 2, "card_sequences": 2,
                    "list_sha256": "0", "truth_crc32": "0"},
        "J": three(mean), "F": three(mean), "J&F": mean,
        "objects": [{**row, "object": 1, "frames": 3} for row in each],
        "sequences": each,
    }  # fmt: skip
    manifest = json.loads(json.dumps({"identity": {"method": "m", "options": options}}))
    return Result(name, folder, manifest, summary, folder / "masks")


@pytest.fixture
def runs(tmp_path: Path) -> list[Result]:
    return [
        run(tmp_path, "good", {"ant": [0.9, 0.8, 0.7], "bee": [0.6, 0.5, 0.4]}, topk=5, kind="a"),
        run(tmp_path, "poor", {"ant": [0.5, 0.4, 0.3], "bee": [0.2, 0.1, 0.0]}, topk=10, kind="a"),
    ]


def test_every_figure_that_runs_allow_is_drawn(runs: list[Result], tmp_path: Path) -> None:
    drawn = {each.name: each for each in figures.of_runs(one_group(runs))}
    assert list(drawn) == ["over-time", "over-time-sequences"]
    ant, _ = panels(drawn["over-time-sequences"].figure)
    assert ant.lines[1].get_xydata().tolist() == [
        [k, pytest.approx(v)] for k, v in ((1, 50), (2, 40), (3, 30))
    ]
    assert all("good" in each.alt or "m" in each.alt for each in drawn.values())
    png, svg = drawn["over-time"].save(tmp_path / "out")
    assert png.is_file()
    assert svg.is_file()


def test_runs_that_differ_in_two_options_are_lines_of_their_own(tmp_path: Path) -> None:
    scores = {"ant": [0.5], "bee": [0.5]}
    made = [
        run(tmp_path, f"{k}{kind}", scores, topk=k, kind=kind) for k in (1, 2, 5) for kind in "ab"
    ]
    assert list(from_tables.sweeps(made)) == ["topk"]
    assert list(from_tables.sweeps(made)["topk"]) == ["m kind=a", "m kind=b"]
    assert from_tables.sweeps(made[:4]) == {}  # two points are no course
    (axes,) = panels(
        {each.name: each for each in figures.of_runs(one_group(made))}["sweep-topk"].figure
    )
    assert axes.lines[0].get_xydata().tolist() == [[k, pytest.approx(50)] for k in (1, 2, 5)]
    assert axes.get_xlabel() == "topk"


def test_lines_of_a_sweep_are_told_apart_by_what_differs_between_them(tmp_path: Path) -> None:
    scores = {"ant": [0.5], "bee": [0.5]}
    base = {"topk": 5, "reach": 2, "kind": "a"}
    changes = ({}, {"topk": 1}, {"topk": 9}, {"reach": 1}, {"reach": 3})
    made = [
        run(tmp_path, f"{kind}{n}", scores, **(base | change | {"kind": kind}))
        for kind in "ab" for n, change in enumerate(changes)
    ]  # fmt: skip
    lines = {option: list(panel) for option, panel in from_tables.sweeps(made).items()}
    assert lines == {option: ["m kind=a", "m kind=b"] for option in ("topk", "reach")}


def test_dots_of_a_sweep_stand_at_their_difference() -> None:
    names = ("method", "setting", "J to base", "J to base low", "J to base high")
    rows = (
        ("m", BASE, None, None, None), ("m", "topk=20", -0.02, -0.03, 0.01),
        ("m", "topk=5", 0.01, None, None), ("n", "first=false", -0.1, -0.2, 0.0),
    )  # fmt: skip
    (axes,) = panels(from_tables.sweep_dots(Table("sweep", "t", tuple(map(Column, names)), rows)))
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "first=false", "topk=5", "topk=20",
    ]  # fmt: skip
    dots = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert dots["m"].tolist() == [[-2.0, pytest.approx(1.8)], [1.0, pytest.approx(0.8)]]
    assert dots["n"].tolist() == [[-10.0, pytest.approx(0.2)]]
    spans = [segment[:, 0].tolist() for each in axes.collections for segment in each.get_segments()]
    assert spans == [[-3.0, 1.0], [-20.0, 0.0]]


def test_strips_show_the_last_scored_frame_with_each_score(runs: list[Result]) -> None:
    masks = {k: np.eye(8, 12, k=k, dtype=np.uint8) for k in range(4)}
    ant = Sequence(
        name="ant",
        frames=[np.full((8, 12, 3), 40 * k, np.uint8) for k in range(4)],
        frame_names=tuple(f"{k:05d}" for k in range(4)),
        prompts={0: masks[0]},
        truth=masks,
    )
    figure = from_masks.qualitative([ant], runs)
    assert [texts(axes) for axes in panels(figure)] == [["frame 00003"], ["J 70"], ["J 30"]]
    first = from_masks.qualitative([ant], runs, at=0.0)
    assert texts(panels(first)[1]) == ["J 90"]
    with pytest.raises(UsageError, match="wasp has no scored frame"):
        from_masks.qualitative([Sequence(**{**vars(ant), "name": "wasp"})], runs)


def test_attribute_bars_say_how_many_sequences() -> None:
    names = ("attribute", "run", "sequences", "J", "J low", "J high")
    rows = (("FM", "a", 4, 0.3, 0.2, 0.4), ("FM", "b", 4, 0.5, None, None))
    table = Table("attributes", "t", tuple(map(Column, names)), rows)
    (axes,) = panels(from_tables.attribute_bars(table))
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([30, 50])
    assert axes.get_xticklabels()[0].get_text() == "FM\nn=4"


def test_bars_by_size_are_those_of_the_runs_that_are_asked_for(
    runs: list[Result], tmp_path: Path
) -> None:
    columns = [Column("share of the image"), Column("frames"), Column("objects")]
    columns += [Column(f"{name}{end}", "%") for name in ("m", "n") for end in ("", " low", " high")]
    rows: tuple[Any, ...] = (
        ("0 to 1 %", 4, 2, 0.2, 0.1, 0.3, 0.4, None, None),
        ("1 to 3 %", 0, 0, *[None] * 6),
        ("3 to 10 %", 9, 3, 0.5, 0.4, 0.6, 0.7, None, None),
    )
    table = Table("size", "J by object size", tuple(columns), rows)
    (axes,) = panels(from_tables.condition_bars(table, ["n"]))
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([40, 70])
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert labels == ["0 to 1 %\nn=4", "3 to 10 %\nn=9"]  # an empty bin is not drawn


def test_long_names_are_broken_where_they_may_be_and_fit() -> None:
    assert pictures._broken("rpmnet-conv-3 backbone=resnet18", 14).splitlines() == [
        "rpmnet-conv-3",
        "backbone=",
        "resnet18",
    ]
    assert pictures._fitting("a" * 20, 0.5) == pytest.approx(3)
    assert pictures._fitting("ant", 0.5) == 7


def test_ablation_bars_have_a_group_for_each_column() -> None:
    ends = ("", " low", " high")
    scores = [Column(f"{name}{end}", "%") for name in ("conv-3", "deformable") for end in ends]
    rows: tuple[Any, ...] = (
        ("compact", 0.3, 0.1, 0.4, *[None] * 3),
        ("resnet18", 0.2, None, None, 0.4, None, None),
    )
    table = Table("ablation-J", "J by backbone", (Column("backbone"), *scores), rows)
    (axes,) = panels(from_tables.ablation_bars(table))
    assert axes.collections[1].get_segments()[0][:, 1].tolist() == pytest.approx([10, 40])
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([30, 20, 40])
    assert axes.get_ylabel() == "J mean (%)"


def test_a_run_has_its_look_in_every_kind_of_figure() -> None:
    known = {"a": looks.look(2), "b": looks.look(2, 1)}
    own = looks.look(1)  # of a series without one, by its place
    bars = panels(
        charts.grouped_bars(["x"], {k: [Value(0.5)] for k in "ac"}, ylabel="J", looks=known)
    )[0].patches
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars] == [known["a"].colour, own.colour]
    curves = {name: Curve([0, 1], [0.5, 0.5]) for name in "ba"}
    lines = panels(charts.line_panels({"": curves}, xlabel="", ylabel="", looks=known))[0].lines
    assert [line.get_color() for line in lines] == [known["b"].colour, known["a"].colour]
    points = [Point("a", 3, Value(0.2)), Point("b", 7, Value(0.3))]
    dots = panels(charts.score_by_field(points, ylabel="J", looks=known))[0].lines
    assert [(d.get_color(), d.get_marker()) for d in dots] == [known[k][:2] for k in "ab"]

"""Runs are paired on what they share; the sentences say no more than the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_runs import steady, write_run
from reference import significance as reference

from vosbench.analysis.comparison import compare, comparisons, differences
from vosbench.analysis.groups import one_group
from vosbench.errors import UsageError

NAMES = ("bmx-trees", "breakdance", "camel", "car-shadow", "dance-twirl", "drift-chicane",
         "kite-surf", "libby")  # fmt: skip
BASE = dict.fromkeys(NAMES, 0.5)


def raised(by: dict[str, float], base: dict[str, float] = BASE) -> dict[str, float]:
    return {name: mean + by.get(name, 0.0) for name, mean in base.items()}


def test_a_clear_winner(tmp_path: Path) -> None:
    a = write_run(tmp_path / "A", steady(BASE), card_sequences=8)
    more = {name: 0.02 + 0.01 * i for i, name in enumerate(NAMES)}
    b = write_run(tmp_path / "B", steady(raised(more)), card_sequences=8)
    (made,) = compare([a, b])
    assert (made.first, made.second, made.wins) == ("B", "A", (8, 0, 0))
    assert made.difference == pytest.approx(b.summary["J"]["mean"] - a.summary["J"]["mean"])
    assert made.p == float(reference.sign_flip([1] * 8)) == 2 / 256
    said = made.sentence()
    assert said.startswith("B is better than A on DAVIS-2017 by 5.5 J (95 % interval 3.9 to 7.1).")
    (back,) = compare([a, b], against="A")
    assert back.first == "A"
    assert back.sentence().startswith(
        "B is better than A on DAVIS-2017 by 5.5 J (95 % interval 3.9 to 7.1)."
    )


def test_the_attribute_that_holds_most_of_it_is_named(tmp_path: Path) -> None:
    from vosbench.resolve import card_of

    tags = card_of("davis2017").attributes
    rotating = [name for name in NAMES if "LR" in tags[name]]
    assert 2 <= len(rotating) <= 4
    more = {name: 0.3 if name in rotating else 0.01 for name in NAMES}
    a, b = write_run(tmp_path / "A", steady(BASE)), write_run(tmp_path / "B", steady(raised(more)))
    (made,) = compare([a, b])
    assert f"mostly on low resolution ({len(rotating)} of 8 sequences)" in made.sentence()


def test_no_winner_is_made_of_noise_or_of_few(tmp_path: Path) -> None:
    a = write_run(tmp_path / "A", steady(BASE))
    mixed = {name: 0.1 * (-1) ** i + 0.01 for i, name in enumerate(NAMES)}
    (made,) = compare([a, write_run(tmp_path / "B", steady(raised(mixed)))])
    assert made.sentence().startswith("No significant difference between B and A on 8 of 30 ")
    assert "p = " in made.sentence()
    few = dict(list(BASE.items())[:4])
    c = write_run(tmp_path / "C", steady(few))
    d = write_run(tmp_path / "D", steady(raised(dict.fromkeys(few, 0.2), few)))
    assert "4 sequences are too few" in compare([c, d])[0].sentence()
    assert "p = 0.12" in compare([c, d])[0].sentence()
    six = dict(list(BASE.items())[:6])  # enough for one comparison, .03, but not for three
    runs = [
        write_run(tmp_path / f"S{i}", steady(raised(dict.fromkeys(six, 0.1 * i), six)))
        for i in range(4)
    ]
    assert "is better than" in compare(runs[:2])[0].sentence()
    said = compare(runs)[0].sentence()
    assert said.startswith("6 sequences are too few to tell S3 and S2 apart on ")
    assert "in 3 comparisons" in said
    assert said.endswith("even a win on every one has p = 0.094.")
    one = {"camel": 0.5}
    e = write_run(tmp_path / "E", steady(one))
    f = write_run(tmp_path / "F", steady({"camel": 0.7}))
    assert compare([e, f])[0].sentence().startswith("1 sequence cannot tell")
    groups = {"camel": "seen", "libby": "unseen"}
    e, f = (
        write_run(
            tmp_path / name, steady({"camel": j, "libby": j}), groups=groups, average="groups"
        )
        for name, j in (("G", 0.5), ("H", 0.6))
    )
    said = compare([e, f])[0].sentence()
    assert said.startswith("2 sequences, one in each group, cannot tell H and G apart")


def test_holm_corrects_over_all_that_are_compared(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, steady(raised(dict.fromkeys(NAMES, by))))
        for name, by in (("A", 0.0), ("B", 0.1), ("C", 0.2))
    ]
    made = compare(runs)
    assert [(each.first, each.second) for each in made] == [("C", "B"), ("C", "A")]
    assert [each.adjusted for each in made] == [2 * each.p for each in made]
    flattered = "picked by these same scores"
    assert any(flattered in note for note in comparisons(one_group(runs)).notes)
    assert not any(flattered in note for note in comparisons(one_group(runs), against="A").notes)


def test_other_truth_or_protocol_is_refused(tmp_path: Path) -> None:
    a = write_run(tmp_path / "A", steady(BASE))
    with pytest.raises(UsageError, match=r"scored against other truth \(checksums 0 and 1"):
        compare([a, write_run(tmp_path / "B", steady(BASE), truth="1")])
    with pytest.raises(UsageError, match="davis2016 val davis2017"):
        compare([a, write_run(tmp_path / "C", steady(BASE), dataset="davis2016")])
    few = dict(list(BASE.items())[:4])
    with pytest.raises(UsageError, match="1 objects and 4 scored frames in one, 1 and 3"):
        compare([a, write_run(tmp_path / "D", steady(few, frames=3))])
    with pytest.raises(UsageError, match="share no sequence"):
        compare([a, write_run(tmp_path / "E", steady({"cows": 0.5}))])
    with pytest.raises(UsageError, match="needs two"):
        compare([a, a])
    with pytest.raises(UsageError, match="no run 'X'"):
        compare([a, write_run(tmp_path / "F", steady(BASE))], against="X")


def test_other_sequences_are_left_out_loudly(tmp_path: Path) -> None:
    a = write_run(tmp_path / "A", steady(BASE))
    few = dict.fromkeys(NAMES[:6], 0.7)
    (made,) = compare([a, write_run(tmp_path / "B", steady(few))])
    assert made.difference == pytest.approx(-0.2)
    assert len(made.differences) == 6
    assert "on DAVIS-2017 (ONLY the 6 sequences that both have, of 8) by 20.0 J" in made.sentence()


def test_the_tables(tmp_path: Path) -> None:
    a = write_run(tmp_path / "x" / "A", steady(BASE))
    b = write_run(tmp_path / "y" / "A", steady(raised({"camel": 0.0005, "libby": -0.2})))
    table = comparisons(one_group([a, b]))
    (row,) = table.records()
    assert (row["run"], row["against"]) == ("A (x/A)", "A (y/A)")
    assert row["win/tie/loss"] == "1/7/0"
    assert row["difference J"] == pytest.approx(a.summary["J"]["mean"] - b.summary["J"]["mean"])
    by_sequence = {r["sequence"]: r for r in differences(one_group([a, b])).records()}
    assert by_sequence["libby"]["A (x/A)"] == pytest.approx(0.5)
    assert by_sequence["libby"]["A (y/A), difference"] == pytest.approx(-0.2)

"""Runs are told apart by colour where eight are enough, and always by something."""

from __future__ import annotations

from vosbench.toolbox.reports.looks import COLOURS, completed, look, looks


def test_no_two_of_many_look_alike() -> None:
    found = looks(f"run {n}" for n in range(4 * len(COLOURS)))
    for of in ("marker", "dash", "hatch"):
        assert len({(each.colour, getattr(each, of)) for each in found.values()}) == len(found)


def test_what_is_drawn_together_has_its_own_colours() -> None:
    names = [str(n) for n in range(14)]
    paper = ["3", "5", "8", "9", "10", "11", "12", "13"]
    found = looks(names, [names[:8], paper])
    for together in (names[:8], paper):
        assert len({found[name].colour for name in together}) == 8
    assert looks([*names, "3"], [names[:8], paper]) == found


def test_a_name_without_a_look_gets_that_of_its_place() -> None:
    known = {"b": look(5)}
    assert completed(known, "ab") == {"a": look(0), "b": look(5)}
    assert completed(None, "ab") == {"a": look(0), "b": look(1)}

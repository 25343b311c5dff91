"""Flags, TOML and options: what is accepted, what is refused and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from vosbench import options, protocols, resolve
from vosbench.analysis.groups import located
from vosbench.errors import UsageError
from vosbench.running import config


def test_flags_win_over_toml_and_options_are_merged(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        'method = "optical-flow"\ndataset = "synthetic"\nseed = 3\n'
        '[options]\nlabel = "soft"\nthreshold = 0.4\n'
    )
    made = config.from_toml(file, {"seed": 5, "method": None, "options": {"label": "hard"}})
    assert (made.method, made.seed) == ("optical-flow", 5)
    assert made.options == {"label": "hard", "threshold": 0.4}


def test_toml_faults_are_named(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('method = "copy-first"\ndatset = "synthetic"\n')
    with pytest.raises(UsageError, match=r"unknown key 'datset'; did you mean 'dataset'"):
        config.from_toml(file, {})
    file.write_text("method = \n")
    with pytest.raises(UsageError, match="is not TOML"):
        config.from_toml(file, {})
    with pytest.raises(UsageError, match="is missing"):
        config.from_toml(tmp_path / "no.toml", {})
    for line, message in (
        ('seed = "x"', "seed=x: expected a whole number"),
        ("sequences = 3", "sequences=3: expected a list"),
        ('options = "a"', "options must be a table"),
        ("seed = 3.7", "seed=3.7: expected a whole number"),
        ('overwrite = "perhaps"', "overwrite=perhaps: expected one of never, missing, always"),
    ):
        file.write_text(f'method = "copy-first"\ndataset = "synthetic"\n{line}\n')
        with pytest.raises(UsageError, match=message):
            config.from_toml(file, {})
    file.write_text('method = "copy-first"\ndataset = "synthetic"\nsequences = "plain,crowd"\n')
    assert config.from_toml(file, {}).sequences == ("plain", "crowd")


def test_a_run_needs_a_method_and_a_dataset() -> None:
    with pytest.raises(UsageError, match=r"no method named; use --method NAME, known: .*copy"):
        config.from_toml(None, {"dataset": "synthetic"})
    for seed in (-1, 2**63):
        with pytest.raises(UsageError, match=f"seed is {seed}, expected 0 to"):
            config.RunConfig(method="m", dataset="d", seed=seed)
    with pytest.raises(UsageError, match="workers is 0"):
        config.from_toml(None, {"method": "copy-first", "dataset": "synthetic", "workers": 0})


@pytest.mark.parametrize("seed", [2**63 - 1, 2**53 + 1])
def test_a_large_seed_is_itself(seed: int) -> None:
    for given in (seed, str(seed), np.int64(seed)):
        read = config.RunConfig(method="m", dataset="d", seed=given)  # type: ignore[arg-type]
        assert read.seed == seed


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": 2.5}, "workers=2.5: expected a whole number"),
        ({"timeout": True}, "timeout=True: expected a finite number"),
        ({"real_time": True}, "real_time=True: expected a finite number"),
        ({"real_time": "fast"}, "real_time='fast': expected a finite number"),
        ({"real_time": 5, "grace": 1.5}, "grace=1.5: expected a whole number"),
        ({"prompt": None}, "prompt=None: expected text"),
        ({"own_process": "perhaps"}, "own_process='perhaps': expected true or false"),
    ],
)
def test_values_of_python_have_their_types(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        config.RunConfig(method="m", dataset="d", **given)
    read = config.RunConfig(method="m", dataset="d", real_time="25", grace=np.int64(1))  # type: ignore[arg-type]
    assert read.live == (25.0, 1)


def test_settings_are_pairs() -> None:
    assert options.parse_settings(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    with pytest.raises(UsageError, match="'flow' is not of the form key=value"):
        options.parse_settings(["flow"])
    with pytest.raises(UsageError, match="a is given twice"):
        options.parse_settings(["a=1", "a=2"])


def test_options_are_converted_and_unknown_ones_listed() -> None:
    options = resolve.method_options("optical-flow", {"threshold": "0.25", "label": "soft"})
    assert (options.threshold, options.label, options.flow) == (0.25, "soft", "dis")
    words = r"has no option 'lable'; did you mean 'label'\? valid options: .*label=hard"
    with pytest.raises(UsageError, match=words):
        resolve.method_options("optical-flow", {"lable": "soft"})
    with pytest.raises(UsageError, match=r"has no option 'qqq'; valid options: "):
        resolve.method_options("optical-flow", {"qqq": "1"})
    with pytest.raises(UsageError, match=r"label=fuzzy: expected one of"):
        resolve.method_options("optical-flow", {"label": "fuzzy"})
    with pytest.raises(UsageError, match=r"threshold=high: expected a finite number"):
        resolve.method_options("optical-flow", {"threshold": "high"})


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("3", int, 3), ("true", bool, True), ("off", bool, False), ("2", Literal["a", 2], 2),
        ("none", Path | None, None), ("1,2", tuple[int, ...], (1, 2)),
        ("a/b", Literal["default"] | Path | None, Path.cwd() / "a/b"), ("x", str, "x"),
    ],
)  # fmt: skip
def test_conversion_by_type(text: str, hint: object, value: object) -> None:
    assert options.typed_as(text, hint) == value


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("x", int), ("maybe", bool), ("none", int | str), ("nan", float), ("-inf", float),
        ("inf", int), (float("inf"), int), (10**400, int), ("9" * 5000, int), (2.5, int),
        ("a\0b", Path), ("2.0", int), (True, int), (True, float), (float("nan"), float),
        ("1e999", float | None),
    ],
)  # fmt: skip
def test_conversion_refuses(value: object, hint: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        options.typed_as(value, hint)


def test_root_is_the_flag_or_the_environment_or_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    card = resolve.card_of("davis2016")
    assert resolve.resolve_root(card, tmp_path) == tmp_path
    monkeypatch.setenv("VOSBENCH_DATA", str(tmp_path))
    assert resolve.resolve_root(card, None) == tmp_path / card.folder
    monkeypatch.delenv("VOSBENCH_DATA")
    with pytest.raises(UsageError, match=r"--root DIR, or set VOSBENCH_DATA .*DAVIS"):
        resolve.resolve_root(card, None)


def test_unknown_sequence_and_protocol_are_suggested() -> None:
    with pytest.raises(UsageError, match="unknown sequence 'bird'; did you mean 'birds'"):
        resolve.choose_sequences(("ant", "birds"), ("bird",))
    assert resolve.choose_sequences(("ant", "bee", "cat"), ("cat", "ant")) == ("ant", "cat")
    with pytest.raises(UsageError, match="davis2017 has no protocol 'davis2071'"):
        protocols.choose_protocol(resolve.card_of("davis2017"), "davis2071")


def test_a_root_is_the_datasets_folder_or_the_one_that_holds_it(tmp_path: Path) -> None:
    card = resolve.card_of("davis2016")
    inside = tmp_path / card.folder
    inside.mkdir()
    assert resolve.resolve_root(card, tmp_path) == inside
    assert resolve.resolve_root(card, inside) == inside


def test_a_root_may_begin_with_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = resolve.card_of("davis2016")
    (tmp_path / card.folder).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve.resolve_root(card, Path("~")) == tmp_path / card.folder
    assert located(card, Path("~"), None) == tmp_path / card.folder
    monkeypatch.setenv("VOSBENCH_DATA", "~")
    assert resolve.resolve_root(card, None) == tmp_path / card.folder


def test_a_value_is_shown_as_a_person_types_it() -> None:
    assert [options.as_typed(v) for v in (True, None, (1, 2), 0.5, "x")] == [
        "true",
        "none",
        "1,2",
        "0.5",
        "x",
    ]


def test_a_configuration_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(
        b'\xef\xbb\xbfmethod = "copy-first"\r\ndataset = "synthetic"\r\ntimeout = 2\r\n'
    )
    assert config.from_toml(file, {}).timeout == 2.0
    file.write_bytes('method = "copy-first"'.encode("utf-16"))
    with pytest.raises(UsageError, match=r"run\.toml is not TOML"):
        config.from_toml(file, {})

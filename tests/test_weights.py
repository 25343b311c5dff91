"""Weights come back as they were saved, refuse what they do not fit, and say what they are."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from vosbench.errors import DataError, UsageError
from vosbench.resolve import choose_method, method_options
from vosbench.toolbox.methods import checkpoints, weights
from vosbench.training.settings import trainable

SHIPPED = sorted(weights.FOLDER.rglob("*.safetensors"))  # of every release
OPTIONS = {"width": 4, "kind": "plain"}


def network(width: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Conv2d(width, 2, 1))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    weights.save(
        path, network().state_dict(), method="tiny", options=OPTIONS, card={"seed": 3, "steps": 9}
    )
    return path


def test_they_come_back_in_half_precision(saved: Path) -> None:
    torch.manual_seed(0)
    first, again = network(), network(4)
    weights.load(again, saved, OPTIONS)
    for key, value in first.state_dict().items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(again.state_dict()[key], expected), key
        assert again.state_dict()[key].dtype == value.dtype
    assert saved.stat().st_size < 2 * sum(v.numel() for v in first.state_dict().values()) + 2000
    assert weights.header_of(saved) == ("tiny", OPTIONS)
    card = weights.card_of(saved)
    assert (card["method"], card["options"], card["steps"]) == ("tiny", OPTIONS, 9)
    assert card["sha256"] == hashlib.sha256(saved.read_bytes()).hexdigest()
    assert sorted(path.name for path in saved.parent.iterdir()) == ["tiny.json", "tiny.safetensors"]


def test_what_half_precision_cannot_hold_comes_back_as_it_was(tmp_path: Path) -> None:
    path, state = tmp_path / "wide.safetensors", {"running_var": torch.tensor([1e5, 1 / 3])}
    weights.save(path, state, method="tiny", options={}, card={})
    assert torch.equal(weights.state_of(path)["running_var"], state["running_var"])


def test_equal_weights_have_one_hash(saved: Path) -> None:
    torch.manual_seed(0)
    state, written = network().state_dict(), set()
    for _ in range(8):  # safetensors orders its metadata by chance
        weights.save(saved, state, method="tiny", options=OPTIONS, card={})
        written.add(saved.read_bytes())
    assert len(written) == 1


def test_tensors_that_share_memory_or_are_no_rows_are_saved(tmp_path: Path) -> None:
    path = tmp_path / "views.safetensors"
    base = torch.arange(6.0).reshape(2, 3)
    state = {"a": base.T, "b": base[0], "c": base[0].requires_grad_()}
    weights.save(path, state, method="tiny", options={}, card={})
    found = weights.state_of(path)
    assert torch.equal(found["a"], base.T)
    assert torch.equal(found["c"], base[0])


def test_other_options_are_named_with_what_to_set(saved: Path) -> None:
    with pytest.raises(DataError, match="trained with other options than width=8") as refused:
        weights.load(network(8), saved, {"width": 8, "kind": "plain", "radius": 5})
    assert "use --set width=4" in str(refused.value)
    assert "radius" not in str(refused.value)


def test_another_method_is_refused_and_a_variant_is_not(saved: Path) -> None:
    with pytest.raises(DataError, match=r"were trained by tiny, small cannot use them; .*--method"):
        weights.load(network(), saved, OPTIONS, method="small")
    weights.load(network(), saved, OPTIONS, method="tiny")
    assert weights.is_of("tiny-variant", "tiny")
    assert not weights.is_of("tinyvariant", "tiny")


def test_another_shape_is_refused(saved: Path) -> None:
    with pytest.raises(
        DataError, match=r"tiny\.safetensors do not fit the network: 0\.weight is of "
    ):
        weights.load(network(8), saved, {})
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1))
    with pytest.raises(DataError) as caught:
        weights.load(other, saved, {})
    # one sentence, however many tensors there are
    said = "it has 1.num_batches_tracked and 4 more, 1.weight is of (4,), not (2, 4, 1, 1); set the"
    assert said in str(caught.value)


def damage(card: Path) -> None:
    card.write_text("{")


def strip(card: Path) -> None:
    card.write_text('{"method": "tiny"}')


def swap(card: Path) -> None:
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"sha256": "0" * 64}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap, r"is not the file that its card tiny\.json describes: sha256 differs"),
        (damage, r"tiny\.json is damaged: .*copy it again"),
        (strip, r"tiny\.json is not a card of weights: it has no 'sha256'; copy it"),
    ],
)
def test_a_card_of_other_weights_is_refused(
    saved: Path, change: Callable[[Path], None], message: str
) -> None:
    change(saved.with_suffix(".json"))
    with pytest.raises(DataError, match=message):
        weights.load(network(), saved, OPTIONS)


def test_without_a_card_they_load(saved: Path) -> None:
    saved.with_suffix(".json").unlink()
    assert weights.card_of(saved) == {}
    weights.load(network(), saved, OPTIONS)


def test_a_file_of_others_says_nothing_of_its_options(tmp_path: Path) -> None:
    path = tmp_path / "theirs.safetensors"
    save_file(network().state_dict(), path)
    assert weights.header_of(path) == ("", {})
    weights.load(network(), path, OPTIONS)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.safetensors are missing: expected a \.safetensors"):
        weights.load(network(), tmp_path / "none.safetensors", {})
    with pytest.raises(DataError, match="is a folder, not a file"):
        weights.start_from(network(), tmp_path)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    struck = tmp_path / "struck"

    class Trap:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
            return open, (str(struck), "w")

    for name in ("net.pth", "net.safetensors"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(Trap()))
        with pytest.raises(DataError, match="are not a safetensors file") as refused:
            weights.load(network(), path, {})
        assert "safetensors.torch.save_file" in str(refused.value)
    assert not struck.exists()


def test_what_is_cut_off_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-8])
    with pytest.raises(DataError, match="are not a safetensors file"):
        weights.state_of(saved)


def test_a_network_starts_from_what_it_shares(tmp_path: Path) -> None:
    path = tmp_path / "whole.safetensors"
    whole = nn.ModuleDict({"encoder": network(), "matching": nn.Linear(2, 2)})
    weights.save(path, whole.state_dict(), method="whole", options={}, card={})
    wider = nn.Sequential(*network()[:2], nn.Conv2d(4, 5, 1))
    before = wider[2].weight.clone()
    filled = weights.start_from(wider, path, prefix="encoder.")
    assert {"0.weight", "0.bias", "1.running_mean"} <= set(filled)
    assert not {name for name in filled if name.startswith("2.")}  # of another shape
    assert torch.equal(wider[0].weight, whole["encoder"][0].weight.half().float())  # type: ignore[index]
    assert torch.equal(wider[2].weight, before)
    with pytest.raises(DataError, match=r"nothing in weights .*whole\.safetensors fits"):
        weights.start_from(wider, path, prefix="decoder.")


def test_what_an_option_means(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "FOLDER", saved.parent)
    assert weights.chosen("none", "tiny") == {}
    assert weights.chosen("default", "tiny") == {"weights": saved}
    assert weights.chosen(Path("other.safetensors"), "tiny") == {
        "weights": Path("other.safetensors")
    }
    with pytest.raises(UsageError, match=r"as 'tony' \(shipped: tiny; large ones are") as refused:
        weights.chosen("default", "tony")
    (saved.parent / "large").mkdir()
    with pytest.raises(UsageError, match=r"are shipped as 'tony' \(shipped: tiny\)"):
        weights.shipped("tony")
    assert "vosbench train" in str(refused.value)
    assert "weights=none" in str(refused.value)
    monkeypatch.setattr(weights, "FOLDER", saved.parent / "empty")
    with pytest.raises(UsageError, match=r"shipped: none"):
        weights.shipped("tiny")


def test_shipped_weights_are_what_their_cards_say() -> None:
    for path in SHIPPED:
        assert path.stat().st_size < 3_000_000, path
        card = weights.card_of(path)  # compares the hash
        method, options = weights.header_of(path)
        assert (card["method"], card["options"]) == (method, options), path
        for key in ("command", "wall_seconds", "steps", "device"):
            assert card[key], (path, key)
        for training in card.get("mean_of", [card]):
            assert training["curve"], path
            assert training["seed"] >= 0, path
        assert card["clips"]["count"] > 0, path
        assert re.fullmatch("[0-9a-f]{64}", card["clips"]["sha256"]), path
        assert card["command"].startswith(f"vosbench train --method {method} "), path
        assert all(torch.isfinite(value).all() for value in weights.state_of(path).values()), path


def test_cards_complain_of_what_their_diagnostics_show() -> None:
    for path in SHIPPED:
        card = weights.card_of(path)
        plugin = trainable(card["method"])
        options = method_options(card["method"], card["options"])
        trainee = plugin.trainee(options, plugin.Training(), seed=0)
        assert trainee.complaints(card["diagnostics"]) == card["complaints"], path
        assert weights.complaints_of(path, card["method"]) == (*card["complaints"],)


def test_what_says_nothing_of_a_training_complains_of_nothing(saved: Path) -> None:
    card = json.loads(saved.with_suffix(".json").read_text())
    card["complaints"] = ["no motion found: it holds still"]
    saved.with_suffix(".json").write_text(json.dumps(card))
    assert weights.complaints_of(saved, "tiny") == ("no motion found: it holds still",)
    assert weights.complaints_of(saved, "another") == ()
    swap(saved.with_suffix(".json"))
    assert weights.complaints_of(saved, "tiny") == ()
    assert weights.complaints_of(saved.parent / "none.safetensors", "tiny") == ()


def test_no_card_or_header_tells_of_a_machines_folders() -> None:
    for path in SHIPPED:
        content = path.read_bytes()
        header = content[8 : 8 + int.from_bytes(content[:8], "little")].decode()
        for text in (path.with_suffix(".json").read_text(encoding="utf-8"), header):
            assert not re.findall(r"/(?:root|tmp|work|home|mnt|Users)\b[^\"]*", text), path


def test_together_they_are_small_and_every_card_has_its_weights() -> None:
    assert sum(path.stat().st_size for path in SHIPPED) < 30_000_000
    cards = {path.with_suffix("") for path in weights.FOLDER.rglob("*.json")}
    assert cards == {path.with_suffix("") for path in SHIPPED}


def test_what_is_newer_than_a_release_lies_where_its_size_says() -> None:
    newer = [path for path in SHIPPED if path.parent.name not in weights.releases()]
    assert newer
    for path in newer:
        assert path == weights.home(path.stem, path.stat().st_size)


def test_large_ones_are_found_by_name_and_are_of_no_release(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "FOLDER", tmp_path / "shipped")
    home = weights.home("wide", 1_000_001)
    assert home == tmp_path / "shipped" / "large" / "wide.safetensors"
    assert weights.home("wide", 1_000_000) == tmp_path / "shipped" / "wide.safetensors"
    home.parent.mkdir(parents=True)
    for suffix in (".safetensors", ".json"):
        home.with_suffix(suffix).write_bytes(saved.with_suffix(suffix).read_bytes())
    assert weights.releases() == ()
    assert weights.shipped("wide") == home
    assert weights.names() == ("wide",)
    assert weights.shipped_as(home) == "wide"
    with pytest.raises(UsageError, match="no release 'large' of the shipped weights is at hand"):
        weights.shipped("wide@large")


def test_no_weights_are_shipped_twice() -> None:
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in SHIPPED]
    assert len(hashes) == len(set(hashes)), "what is newer than a release differs from it"


@pytest.fixture
def releases(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """tiny is in two releases and newer than both, old in the first alone."""
    folder = tmp_path / "shipped"
    for place in ("2026-11/tiny", "2026-11/old", "2027-02/tiny", "tiny"):
        for suffix in (".safetensors", ".json"):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / f"{place}{suffix}").write_bytes(saved.with_suffix(suffix).read_bytes())
    monkeypatch.setattr(weights, "FOLDER", folder)
    return folder


def test_the_newest_are_found_and_former_ones_by_the_name_of_their_release(releases: Path) -> None:
    assert weights.releases() == ("2027-02", "2026-11")
    assert weights.names() == ("old", "tiny")
    assert weights.names("2027-02") == ("tiny",)
    for asked, found in (
        ("default", "tiny"), ("2027-02", "2027-02/tiny"), ("2026-11", "2026-11/tiny"),
    ):  # fmt: skip
        path = releases / f"{found}.safetensors"
        assert weights.chosen(asked, "tiny") == {"weights": path}
        assert weights.card_of(path)["method"] == "tiny"
    assert weights.shipped("old") == weights.shipped("old@2026-11")
    (releases / "tiny.safetensors").unlink()
    assert weights.shipped("tiny") == releases / "2027-02" / "tiny.safetensors"
    assert weights.shipped_as(releases / "2026-11" / "old.safetensors") == "old@2026-11"
    assert weights.shipped_as(releases / "tiny.safetensors") == "tiny"
    assert weights.shipped_as(releases.parent / "tiny.safetensors") == ""
    assert weights.begun_from("default", "tiny") == {}
    assert weights.begun_from("2026-11", "tiny") == weights.chosen("2026-11", "tiny")


def test_a_release_that_is_not_there_is_told_with_those_that_are(releases: Path) -> None:
    with pytest.raises(UsageError) as refused:
        weights.chosen("2026-10", "tiny")
    assert str(refused.value) == (
        "no release '2026-10' of the shipped weights is at hand (known: 2027-02, 2026-11); "
        "weights=default takes the newest"
    )
    with pytest.raises(UsageError, match=r"as 'old' in 2027-02 \(shipped: tiny\)"):
        weights.chosen("2027-02", "old")


@pytest.mark.parametrize("method", ["rpmnet-conv-3", "colour-reconstruction", "colorization"])
def test_a_release_is_an_option_of_every_method_with_shipped_weights(method: str) -> None:
    former = choose_method(method, {"weights": "2026-11"})
    assert former.options.weights == "2026-11"
    (path,) = former.files().values()
    assert path.parent.name == "2026-11"
    encoder = choose_method("label-propagation", {"backbone": path.stem, "weights": "2026-11"})
    assert encoder.files() == {"weights": path}
    for file in (Path("2026-11"), "./2026-11"):
        assert isinstance(choose_method(method, {"weights": file}).options.weights, Path)
    with pytest.raises(UsageError, match=r"no release '1999-01' .*\(known: .*2026-11\)"):
        choose_method(method, {"weights": "1999-01"}).files()


@pytest.mark.parametrize("read", [weights.state_of, checkpoints.network_in])
def test_what_is_no_file_is_called_what_it_is(read: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "folder.pth").mkdir()
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "loop.pth").symlink_to("loop.pth")
    for name, said in (
        ("folder", "(is a folder, not a file|are a folder: name the file in it)"),
        ("pipe", "is a pipe or device, not a file"),
        ("loop", "Too many levels of symbolic links"),
        ("none", "are missing: "),
    ):
        more = ({},) if read is checkpoints.network_in else ()
        with pytest.raises(DataError, match=rf"weights .*{name}\.pth .*{said}"):
            read(tmp_path / f"{name}.pth", *more)

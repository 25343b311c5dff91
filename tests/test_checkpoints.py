"""Kind 8: whatever wraps a network in a checkpoint, the one that is meant is read, or refused."""

from __future__ import annotations

import argparse
import pathlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_folder_dataset
from torch import Tensor, nn

from vosbench import api, registry
from vosbench.errors import DataError, UsageError
from vosbench.toolbox.methods.checkpoints import network_in

plugin = registry.load("methods", "label-propagation")

State = dict[str, Tensor]


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fc = nn.LayerNorm(4), nn.Linear(4, 4)


class Small(nn.Module):
    """Blocks as vision transformers have them, and a tensor of its own."""

    def __init__(self, depth: int = 5) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.rand(1, 1, 4))
        self.blocks = nn.ModuleList(Block() for _ in range(depth))


def state(seed: int = 0) -> State:
    torch.manual_seed(seed)
    return {key: value.detach() for key, value in Small().state_dict().items()}


def under(prefix: str, tensors: State) -> State:
    return {prefix + key: value for key, value in tensors.items()}


def chunked(tensors: State, size: int, *, anew: bool = False) -> State:
    """Blocks in chunks, as DINOv2 saves them; `anew`: numbered from 0 in each."""
    named = {}
    for key, value in tensors.items():
        _, _, rest = key.partition("blocks.")
        number, _, name = rest.partition(".")
        if rest:
            i = int(number)
            key = f"blocks.{i // size}.{i % size if anew else i}.{name}"
        named[key] = value
    return named


def every_third(name: str, tensors: State) -> State:
    """A part of names that a wrapper of single blocks puts into them."""
    return {k.replace("blocks.3.", f"blocks.3.{name}."): v for k, v in tensors.items()}


def wanted(tensors: State) -> dict[str, Callable[[Tensor], bool]]:
    return {k: lambda given, v=v: given.shape == v.shape for k, v in tensors.items()}  # type: ignore[misc]


def read(path: Path, saved: Any, key: str = "") -> Any:
    torch.save(saved, path)
    return network_in(path, wanted(state()), key=key)


ONE: dict[str, tuple[Any, str]] = {
    "plain": (state(), ""),
    "net": ({"net": state(), "epoch": 3}, "net"),
    "three deep": ({"a": {"b": {"network": under("trunk.", state())}}}, "a.b.network.trunk"),
    "head beside it": (state() | {"head.weight": torch.ones(9, 4)}, ""),
    "compiled": (under("_orig_mod.", state()), ""),
    "compiled within": ({"model": every_third("_orig_mod", state())}, "model"),
    "FSDP": (under("_fsdp_wrapped_module.", state()), ""),
    "checkpointed": (every_third("_checkpoint_wrapped_module", state()), ""),
    "chunks": ({"teacher": under("backbone.", chunked(state(), 2))}, "teacher.backbone"),
    "chunks numbered anew": ({"model": chunked(state(), 3, anew=True)}, "model"),
    "Namespace": ({"net": state(), "args": argparse.Namespace(lr=0.1, out=Path("x"))}, "net"),
    "scalars": ({"net": state(), "best": np.float32(0.5), "step": np.int64(7)}, "net"),
    "array": ({"net": state(), "seen": np.arange(4), "where": pathlib.PurePosixPath("a")}, "net"),
    "optimizer": ({"net": state(), "optimizer": {"state": {0: {"exp_avg": state()}}}}, "net"),
    "smaller student": (
        {"student": {k: v[..., :2] for k, v in state().items()}, "teacher": state()},
        "teacher",
    ),
    "equal ones": ({"model": state(), "state_dict": state()}, "model"),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_the_one_network_is_found(name: str, tmp_path: Path) -> None:
    saved, place = ONE[name]
    found = read(tmp_path / "w.pth", saved)
    assert found.place == place
    assert found.state.keys() == state().keys()
    assert all(torch.equal(found.state[k], v) for k, v in state().items())


TWO: dict[str, tuple[Any, list[str]]] = {
    "ema": ({"model": state(), "ema": state(1)}, ["model", "ema"]),
    "flat": (under("online.", state()) | under("target.", state(1)), ["online", "target"]),
    "end": ({"state_dict": state(), "state_dict_ema": state(1)}, ["state_dict", "state_dict_ema"]),
    "both ends": (
        {"model": under("a.base.", state()) | under("b.base.", state(1))}, ["a", "b"]
    ),
    "one in the other": ({"m": state() | under("shadow.", state(1))}, ["m", "m.shadow"]),
    "under nothing": (state() | under("momentum.", state(1)), [".", "momentum"]),
    "three": ({n: state(i) for i, n in enumerate(["x", "y", "z"])}, ["x", "y", "z"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
def test_several_networks_are_named_and_one_is_chosen(name: str, tmp_path: Path) -> None:
    saved, keys = TWO[name]
    with pytest.raises(UsageError, match=f"{len(keys)} networks that fit") as refused:
        read(tmp_path / "w.pth", saved)
    for seed, key in enumerate(keys):
        assert f"--set key={key}" in str(refused.value)
        found = read(tmp_path / "w.pth", saved, key)
        assert all(torch.equal(found.state[k], v) for k, v in state(seed).items())


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("pupil", "key=pupil names no network of weights .*known: s, t"),
        ("tt", "names no network"),
        ("net", "key=net names several networks of weights .*known: s, t"),
        (".", "names no network"),
    ],
)
def test_a_key_that_chooses_none(key: str, words: str, tmp_path: Path) -> None:
    saved = {"net": {"s": under("backbone.", state()), "t": under("backbone.", state(1))}}
    with pytest.raises(UsageError, match=words):
        read(tmp_path / "w.pth", saved, key)


class Trap:
    """Writes a file when it is unpickled by anything that runs pickles."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("beside", [Trap, nn.Linear, "whole", "raw"])
def test_what_would_have_to_be_run_is_refused_by_name(beside: Any, tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "w.pth"
    held = {Trap: lambda: Trap(mark), nn.Linear: lambda: nn.Linear(2, 2)}.get(beside, Small)()
    words = {Trap: "getattr", nn.Linear: r"linear\.Linear", "whole": "Small"}.get(beside, "")
    if beside == "raw":
        path.write_bytes(pickle.dumps(Trap(mark)))
    else:
        torch.save(held if beside == "whole" else {"net": state(), "beside": held}, path)
    with pytest.raises(DataError, match=rf"loaded safely.*{words}.*save model.state_dict"):
        network_in(path, wanted(state()))
    assert not mark.exists()


def test_only_what_is_used_must_be_finite(tmp_path: Path) -> None:
    broken = {key: value / 0 for key, value in state().items()}
    assert read(tmp_path / "w.pth", {"good": state(), "bad": broken}, "good").place == "good"
    with pytest.raises(DataError, match="holds values that are not finite"):
        read(tmp_path / "w.pth", {"good": state(), "bad": broken}, "bad")


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ({"net": under("x.", dict(list(state().items())[:3]))}, r"lacks .* \(18 of 21 missing"),
        ({k: v[..., :1] for k, v in state().items()}, "has blocks.* of another shape"),
        ([state()], "it holds no tensor by name"),
        (torch.zeros(3), "it holds no tensor by name"),
        ({"net": {}}, "it holds no tensor by name"),
    ],
)
def test_other_networks_are_refused(saved: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        read(tmp_path / "w.pth", saved)


def test_a_mapping_that_holds_itself_ends(tmp_path: Path) -> None:
    saved: dict[str, Any] = {"net": state()}
    saved["again"] = saved
    assert read(tmp_path / "w.pth", saved).place == "net"


def test_a_run_records_what_it_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kind_8_net.py").write_text(
        "from torch import nn\ndef make():\n    return nn.Conv2d(3, 6, 8, stride=8)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    one, other = (
        {k: torch.full_like(v, n) for k, v in nn.Conv2d(3, 6, 8).state_dict().items()}
        for n in (1, 2)
    )
    torch.save(
        {"model": {"left.0": 3} | under("left.", one) | under("right.", other)}, tmp_path / "w.pth"
    )
    root = make_folder_dataset(tmp_path / "data", {"ant": 3})
    options = {
        "backbone": "kind_8_net:make",
        "weights": tmp_path / "w.pth",
        "size": "native",
        "stride": "8",
    }

    def run(**more: str) -> Any:
        return api.run("label-propagation", "folder", root=root, options=options | more,
                       out=tmp_path / "runs")  # fmt: skip

    with pytest.raises(UsageError, match="2 networks that fit, left, right; say which"):
        run()
    assert not (tmp_path / "runs").exists()
    made = run(key="right")
    said = "weights w.pth: of its 4 tensors the 2 under model.right are used"
    assert made.manifest["remarks"] == [said]
    assert made.manifest["identity"]["options"]["key"] == "right"
    assert said in api.compare([made]).tables[0].to_text().replace("\n  ", " ")
    with pytest.raises(UsageError, match="key=right says which network of a checkpoint"):
        api.method("label-propagation", options={"key": "right"})

"""What label propagation can look with: every kind of backbone, their sizes, weights and faults."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from vosbench import registry
from vosbench.errors import DataError, UsageError
from vosbench.files import jsonable
from vosbench.resolve import method_options
from vosbench.toolbox.methods.weights import card_of, header_of, names, save, shipped

plugin = registry.load("methods", "label-propagation")


def build(**options: object):  # type: ignore[no-untyped-def]
    return plugin.build(plugin.Options(**options), device="cpu", seed=0)


def features(method, h: int = 60, w: int = 84) -> torch.Tensor:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(3)
    with torch.inference_mode():
        return method.encoder(rng.integers(0, 256, (h, w, 3)).astype(np.uint8)).clone()


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"size": "native"}, (76, 15, 21)),
        ({"preset": "crw"}, (76, 8, 11)),
        ({"backbone": "random", "size": "60"}, (64, 15, 21)),
        ({"backbone": "random", "preset": "crw"}, (64, 8, 11)),
        ({"backbone": "torchvision/resnet18", "preset": "crw"}, (256, 8, 11)),
        ({"backbone": "torchvision/resnet18:layer4", "preset": "crw"}, (512, 8, 11)),
        ({"backbone": "torchvision/resnet18:layer4", "stride": 64, "size": "native"}, (512, 1, 2)),
        ({"backbone": "timm/resnet18:layer2", "preset": "crw"}, (128, 8, 11)),
        ({"backbone": "timm/vit_tiny_patch16_224", "preset": "dino", "size": "64"}, (192, 4, 4)),
        ({"backbone": "timm/vit_tiny_patch16_224:blocks.3", "preset": "siammae", "size": "64x80"},
         (192, 4, 5)),
        ({"backbone": "timm/vit_small_patch16_dinov3", "preset": "dinov3", "size": "64"},
         (384, 4, 6)),
        ({"backbone": "timm/vit_small_patch32_224", "preset": "dino", "size": "64"}, (384, 2, 2)),
        ({"backbone": "timm/convnext_atto", "preset": "siammae", "size": "60x84"}, (320, 2, 3)),
    ],
    ids=str,
)  # fmt: skip
def test_backbones_give_the_grid_that_is_asked_for(
    options: dict[str, object], shape: tuple[int, ...]
) -> None:
    if "/" in str(options.get("backbone")):
        options = options | {"weights": "random"}
        if "timm" in str(options["backbone"]):
            pytest.importorskip("timm")
    method = build(**options)
    found = features(method)
    assert tuple(found.shape) == shape
    assert torch.equal(found, features(build(**options))), "the seed decides"


@pytest.mark.parametrize("name", names())
def test_every_shipped_encoder_is_a_backbone_by_name_and_by_path(name: str) -> None:
    path = shipped(name)
    method, _ = header_of(path)
    by_name, by_path = build(backbone=name), build(backbone=method, weights=path)
    assert plugin.files(by_name.options) == {"weights": path}
    found = features(by_name)
    assert tuple(found.shape)[-2:] == (64, 88 if "resnet" in name else 90)  # whole cells of 32 px
    assert torch.equal(found, features(by_path))
    assert tuple(features(build(backbone=name, preset="crw")).shape)[-2:] in ((8, 11), (8, 12))


@pytest.mark.parametrize("name", names())
def test_the_card_of_shipped_weights_describes_the_encoder_of_their_method(name: str) -> None:
    card = card_of(shipped(name))
    method = registry.load("methods", card["method"])
    options = method_options(card["method"], card["options"])
    assert card["encoder"] == jsonable(method.encoder(options))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (3, "it is 3, not an object"),
        ({"dim": 4}, "it lacks 'backbone'"),
        ({"backbone": "compact", "dim": 4, "width": 3}, "'width' is none of backbone, builder"),
        ({"backbone": "compact", "dim": "4"}, "dim='4': expected a number of channels"),
        ({"backbone": 3, "dim": 4}, "backbone=3: expected text"),
        ({"backbone": "compact", "dim": 4, "colours": "Lab"}, "colours='Lab': did you mean 'lab'"),
        ({"backbone": "compact", "dim": 4, "builder": "os:system"}, "builder='os:system': "),
        ({"backbone": "compact", "dim": 4, "stride": 8}, "stride=8: builder encoder has 4"),
        ({"backbone": "compakt", "dim": 4}, "not as their card says: unknown backbone 'compakt'"),
        ({"backbone": "ResNet", "dim": 4, "builder": "strided"}, "unknown backbone 'ResNet'"),
        (
            {"backbone": "resnet18-quarter", "dim": 4, "builder": "strided"},
            "unknown backbone 'resnet18-quarter'; did you mean 'resnet18'",
        ),
        ({"backbone": "compact", "dim": 4}, "not as their card says: Error"),
    ],
    ids=str,
)
def test_a_card_that_describes_no_encoder_is_refused(
    entry: object, words: str, tmp_path: Path
) -> None:
    state = {"stem.weight": torch.zeros(3)}
    save(tmp_path / "w.safetensors", state, method="mine", options={}, card={"encoder": entry})
    with pytest.raises(DataError, match=words):
        build(backbone="mine", weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("preset", "changed", "own", "expected"),
    [
        ("light", {}, 4, (256, 456)),
        ("crw", {}, 1, (480, 854)),
        ("crw", {}, 8, (480, 856)),
        ("dino", {}, 16, (480, 832)),
        ("dino", {}, 14, (476, 448)),
        ("dinov3", {}, 16, (960, 1712)),
        ("siammae", {}, 16, (480, 880)),
        ("light", {"size": "native"}, 4, (480, 856)),
    ],
)
def test_input_sizes(
    preset: str, changed: dict[str, object], own: int, expected: tuple[int, int]
) -> None:
    from importlib import import_module

    encoders = import_module(plugin.__name__ + ".encoders")
    options = plugin.Options(preset=preset, **changed)
    assert encoders.input_size(480, 854, options=options, own=own) == expected
    assert encoders.input_size(854, 480, options=options, own=own)[::-1] in (
        expected, (480, 880)[::-1]
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
def test_weights_of_a_file_are_used_whatever_wraps_them(suffix: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torchvision.models import resnet18

    torch.manual_seed(5)
    network = resnet18()
    state = {f"module.encoder.{k}": v for k, v in network.state_dict().items() if "layer4" not in k}
    path = tmp_path / f"crw{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"model": state} if suffix == ".pth" else state, path)
    options = {"backbone": "torchvision/resnet18:layer2", "preset": "crw"}
    found = features(build(**options, weights=path))
    assert not torch.allclose(found, features(build(**options, weights="random")))
    network.eval()
    with torch.inference_mode():
        rng = np.random.default_rng(3)
        image = torch.from_numpy(rng.integers(0, 256, (60, 84, 3)).astype(np.uint8))
        mean, deviation = (torch.tensor(v) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        x = ((image / 255 - mean) / deviation).permute(2, 0, 1)[None]
        x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
        expected = network.layer2(network.layer1(x))[0]
    assert torch.allclose(found, expected, atol=1e-4)


def test_foreign_weights_are_refused(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    options = {"backbone": "torchvision/resnet18", "preset": "crw"}
    with pytest.raises(DataError, match="are missing: put the network's state dict there"):
        build(**options, weights=tmp_path / "none.pth")
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "small.pth")
    with pytest.raises(DataError, match="are not of this network: the file lacks bn1"):
        build(**options, weights=tmp_path / "small.pth")
    torch.save({0: torch.zeros(3)}, tmp_path / "numbered.pth")
    with pytest.raises(DataError, match="it holds no tensor by name"):
        build(**options, weights=tmp_path / "numbered.pth")
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps(Path("not a tensor"), protocol=4))
    with pytest.raises(DataError, match="no state dict that can be loaded safely"):
        build(**options, weights=tmp_path / "pickle.pth")
    assert not recwarn.list  # one sentence is enough


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_that_are_not_finite_are_refused(suffix: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torchvision.models import resnet18

    state = resnet18().state_dict()
    state["layer2.0.bn1.weight"][3] = torch.nan
    path = tmp_path / f"broken{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    with pytest.raises(DataError, match=r"layer2\.0\.bn1\.weight holds values that are not finite"):
        build(backbone="torchvision/resnet18", preset="crw", weights=path)


def test_a_network_that_drops_borders_is_given_whole_cells() -> None:
    pytest.importorskip("timm")
    method = build(backbone="timm/convnext_atto", weights="random", preset="siammae", size="native")
    assert tuple(features(method, 120, 190).shape)[-2:] == (4, 6)  # 128 x 192 px, not 96 x 160


def test_own_code_is_a_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n"
        "def tiny():\n    return nn.Conv2d(3, 6, 8, stride=8)\n"
        "def plain():\n    return nn.functional.relu\n"
        "def cut():\n    return nn.Conv2d(3, 6, 16, stride=8)\n"
        "def tokens():\n    return nn.Flatten(2)\n"
        "def pair():\n    return lambda images: (images, images)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert features(build(backbone="my_nets:tiny", preset="crw")).shape == (6, 8, 11)
    assert features(build(backbone="my_nets:plain", stride=4, size="60")).shape == (3, 15, 21)
    assert build(backbone="my_nets:cut", preset="crw").encoder.stride == 8
    with pytest.raises(UsageError, match=r"gives a tensor of shape \(1, 3, 100352\) for images"):
        build(backbone="my_nets:tokens")
    with pytest.raises(UsageError, match=r"gives a tuple for .*expected the features of cells"):
        build(backbone="my_nets:pair")
    for name in ("my_nets:none", "no_nets:tiny", ":tiny", "my_nets:", "json:dumps"):
        with pytest.raises(UsageError, match="on PYTHONPATH"):
            build(backbone=name)


def test_what_own_code_raises_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_nets.py").write_text(
        "def boom():\n    raise RuntimeError('no luck')\n"
        "def late():\n    return lambda images: 1 / 0\n"
        "def good():\n    return lambda images: images[..., ::8, ::8]\n"
    )
    (tmp_path / "bad_nets.py").write_text("def boom(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, words in {
        "odd_nets:boom": r"RuntimeError: no luck \(odd_nets\.py:2\)",
        "odd_nets:late": r"fails on images .* ZeroDivisionError: .* \(odd_nets\.py:4\)",
        "bad_nets:boom": "SyntaxError",
    }.items():
        with pytest.raises(UsageError, match=words):
            build(backbone=name)
    with pytest.raises(UsageError, match="weights=random is for networks of torchvision and timm"):
        build(backbone="odd_nets:good", weights="random")


def test_a_run_with_own_code_is_another_one_when_the_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vosbench.running.config import RunConfig
    from vosbench.running.manifest import describe
    from vosbench.running.resolved import resolve

    monkeypatch.syspath_prepend(str(tmp_path))
    config = RunConfig(
        method="label-propagation", dataset="synthetic", options={"backbone": "own_net:make"}
    )
    identities = set()
    for stride in (4, 8):
        (tmp_path / "own_net.py").write_text(f"def make():\n    return {stride}\n")
        identities.add(describe(resolve(config))["identity_sha256"])
    assert len(identities) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preset": "crv"}, "did you mean 'crw'"),
        ({"size": "8"}, "a short side of 16 to 4096 px"),
        ({"size": "wide"}, "must be native, a short side"),
        ({"stride": -1}, "stride=-1 must be 0"),
        ({"stride": 100000}, "or up to 256"),
        ({"multiple": 100000}, "multiple=100000 must be 1 to 256"),
        ({"stride": 5}, "must be even"),
        ({"backbone": "torchvision/resnet18"}, "nothing is downloaded: give --set weights=PATH"),
        ({"backbone": "timm/vit_tiny_patch16_224"}, "or --set weights=random"),
        ({"weights": Path("w.pth")}, "backbone=raw has no weights"),
        ({"backbone": "timm/", "weights": "random"}, "expected timm/NAME:LAYER"),
        (
            {"backbone": "timm/resnet19", "weights": "random"},
            "no network 'resnet19'; near to it: res",
        ),
        (
            {"backbone": "timm/resnet18.mine", "weights": "random"},
            "cannot make 'resnet18.mine': Inva",
        ),
        ({"backbone": "torchvision/resnet19", "weights": "random"}, "near to it: resnet1"),
        ({"backbone": "torchvision/resnet18:layer9", "weights": "random"}, "no layer 'layer9'"),
        ({"backbone": "torchvision/vit_b_16", "weights": "random"}, "use a vision transformer of"),
        ({"backbone": "random", "stride": 6}, "has stride 4 and cannot have stride 6"),
        ({"backbone": "timm/vit_tiny_patch16_224", "weights": "random"}, "use --set stride=16"),
        (
            {"backbone": "rpmnet"},
            "needs --set weights=PATH; shipped encoders of it are rpm",
        ),
        ({"backbone": "timm/mixer_s16_224", "weights": "random"}, "for images of any size"),
        ({"backbone": "timm/mvitv2_tiny", "weights": "random"}, "for images of any size"),
        ({"backbone": "timm/twins_svt_small", "weights": "random"}, "gives no map of cells"),
        ({"last": 1001}, "last=1001 must be 0 to 1000"),
        ({"backbone": "rpmnet-conv-2"}, "did you mean 'rpmnet-conv-..*torchvision/NAME:LAYER"),
        ({"backbone": "resnet18"}, "did you mean 'torchvision/resnet18:layer3'"),
        ({"backbone": "resnet18:layer4"}, "did you mean torchvision/resnet18:layer4"),
        (
            {"backbone": "rpmnet-conv-3", "weights": "random"},
            "its untrained control is backbone=ra",
        ),
        ({"backbone": "resnet18", "weights": "random"}, "did you mean 'torchvision/resnet18:layer"),
        ({"backbone": "random", "weights": "random"}, "backbone=random has no weights"),
        (
            {"backbone": "typo", "weights": shipped("rpmnet-conv-3")},
            "trained by rpmnet-conv-3: use --set backbone=rpmnet-conv-3",
        ),
        (
            {"backbone": "rpmnet-conv-1", "weights": shipped("rpmnet-conv-3")},
            "backbone=rpmnet-conv-1, but weights .* were trained by rpmnet-conv-3",
        ),
    ],
    ids=str,
)
def test_options_that_do_not_fit(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build(**options)


def test_missing_timm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UsageError, match=r'needs timm.*: pip install "vosbench\[timm\]"'):
        build(backbone="timm/vit_tiny_patch16_224", weights="random", preset="dino")


def test_the_shipped_weights_may_be_asked_for_by_default() -> None:
    named = plugin.Options(backbone="rpmnet-conv-3", weights="default")
    assert named == plugin.Options(backbone="rpmnet-conv-3")
    full, short = (
        plugin.Options(backbone=name, weights="random")
        for name in ("torchvision/resnet18:layer3", "torchvision/resnet18")
    )
    assert full == short

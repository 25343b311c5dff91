"""Networks of torchvision and timm, read at one layer, with a chosen stride and weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vosbench.errors import UsageError, did_you_mean, needing
from vosbench.toolbox.methods.checkpoints import network_in

from . import positions

PROBE = (224, 448)  # px: not square, whole in patches of 8, 14, 16 and 32


class _ReachedError(Exception):
    """The tapped layer has given its features; the rest of the network is not run."""


class Tapped(nn.Module):
    """A network up to one layer: images (b, 3, h, w) -> features (b, c, h', w')."""

    def __init__(self, model: nn.Module, layer: str) -> None:
        super().__init__()
        self.model, self.layer = model, layer
        embed = getattr(model, "patch_embed", None)
        size = getattr(embed, "patch_size", None)
        self.patch: int = size[0] if isinstance(size, tuple) else 0  # 0: no vision transformer

    def forward(self, images: Tensor) -> Tensor:
        """Tokens become maps; what precedes them (class, registers) is left out."""
        features = self._features(images)
        if features.ndim == 3 and self.patch:  # tokens (b, prefix + h' * w', c)
            h, w = (side // self.patch for side in images.shape[-2:])
            return features[:, -h * w :].transpose(1, 2).reshape(len(features), -1, h, w)
        if getattr(self.model, "output_fmt", "NCHW") == "NHWC":
            return features.permute(0, 3, 1, 2)
        return features

    def _features(self, images: Tensor) -> Tensor:
        if not self.layer:
            features: Tensor = self.model.forward_features(images)  # type: ignore[operator]
            return features
        reached: list[Tensor] = []

        def stop(module: nn.Module, inputs: Any, output: Tensor) -> None:
            reached.append(output)
            raise _ReachedError

        hook = self.model.get_submodule(self.layer).register_forward_hook(stop)
        try:
            self.model(images)
        except _ReachedError:
            return reached[0]
        finally:
            hook.remove()
        raise UsageError(f"layer {self.layer} is not run when the network is")


def library_model(name: str) -> Tapped:
    """The network that `torchvision/NAME:LAYER` or `timm/NAME:LAYER` names, with random weights.

    Raises:
        UsageError: timm is missing, or there is no such network or layer.
    """
    library, _, rest = name.partition("/")
    model_name, _, layer = rest.partition(":")
    if not model_name:
        raise UsageError(f"backbone={library}/ names no network: expected {library}/NAME:LAYER")
    model = _torchvision(model_name) if library == "torchvision" else _timm(model_name)
    known = [key for key, _ in model.named_modules() if key]
    if layer and layer not in known:
        tops = [key for key, _ in model.named_children()]
        raise UsageError(
            f"{library}/{model_name} has no layer {layer!r}; {did_you_mean(layer, tops)}; name one "
            f"as {library}/{model_name}:LAYER"
        )
    return Tapped(model, layer)


def in_libraries(name: str) -> str:
    """How a network NAME or NAME:LAYER of torchvision or timm is named as a backbone, else ""."""
    from torchvision import models

    model, _, layer = name.partition(":")
    if model in models.list_models(module=models) and not model.startswith("vit_"):
        return f"torchvision/{model}:{layer or 'layer3'}"
    try:
        import timm
    except ImportError:
        return ""
    found = timm.is_model(model)  # its names may end in a tag of weights, after a dot
    return f"timm/{name}" if found else ""


def _torchvision(name: str) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise UsageError(f"torchvision has no network {name!r}{_near(name, known)}")
    if name.startswith("vit_"):
        raise UsageError(
            f"torchvision's {name} takes one size of square images only; use a vision transformer "
            "of timm, such as timm/vit_base_patch16_224"
        )
    model: nn.Module = models.get_model(name, weights=None)
    return model


def _timm(name: str) -> nn.Module:
    with needing(f"backbone=timm/{name}"):
        import timm

    if not timm.is_model(name):  # which may end in a tag of weights, after a dot
        near = _near(name.partition(".")[0], timm.list_models())
        raise UsageError(f"timm has no network {name!r}{near}")
    try:
        # position embeddings are then interpolated to the grid of each input
        return timm.create_model(name, pretrained=False, num_classes=0, dynamic_img_size=True)
    except TypeError:  # a convolutional network has no such argument
        return timm.create_model(name, pretrained=False, num_classes=0)
    except RuntimeError as error:
        raise UsageError(f"timm cannot make {name!r}: {error}") from None


def _near(name: str, known: Iterable[str]) -> str:
    """The tail of an "unknown network" message: three that are near, as all would be hundreds."""
    near = get_close_matches(name, list(known), n=3)
    return f"; near to it: {', '.join(near)}" if near else "; its list_models() names all"


class Found(NamedTuple):
    """What running a network showed.

    stride: pixels per cell. patch: what sides must be multiples of. used: the modules that ran.
    """

    stride: int
    patch: int
    used: list[nn.Module]


def reduce_stride(network: Tapped, wanted: int, name: str) -> Found:
    """Take the last steps of stride 2 out of a network until a cell has `wanted` pixels; 0: as is.

    What does not run is taken out as well.

    Layers behind keep their weights and see a denser grid (crw, dul, vfs and uvc take layer3 or
    layer4 of a ResNet so). A network that is coarser than asked for and has no such step is
    refused; one that is finer is left as it is.

    Raises:
        UsageError: the stride cannot be reached.
    """
    own = 0
    while True:
        try:
            with _watched(network) as (used, steps), torch.inference_mode():
                features = network.eval()(torch.zeros(1, 3, *PROBE))
        except UsageError:
            raise
        except Exception as error:  # whatever a network raises
            if own:
                raise _unreachable(name, wanted, own) from error
            raise UsageError(
                f"backbone={name} cannot take images of {PROBE[0]} x {PROBE[1]} ({error}); take a "
                "network for images of any size"
            ) from error
        if features.ndim != 4:
            raise UsageError(
                f"backbone={name} gives no map of cells but a tensor of shape "
                f"{tuple(features.shape)}; name an earlier layer"
            )
        stride = PROBE[0] // features.shape[2]
        own = own or stride
        if not wanted or stride <= wanted:
            break
        last = min((size for _, size in steps), default=0)
        if not last or stride < 2 * wanted:
            raise _unreachable(name, wanted, stride)
        for module, size in steps:
            if size == last:  # the block and the shortcut beside it
                module.stride = (1, 1)
    rows = features.shape[2]
    if PROBE[0] % rows and (not wanted or own == wanted):
        raise UsageError(
            f"backbone={name} gives {rows} rows of cells for {PROBE[0]} px: its layers lose some "
            "at the borders; take another layer, or another network"
        )
    if PROBE[0] % rows:
        raise _unreachable(name, wanted, own)
    used += _without_rest(network, used)
    return Found(stride, network.patch or _whole(network, stride), used)


def _without_rest(network: Tapped, used: list[nn.Module]) -> list[nn.Module]:
    """Take out the parts behind the layer, which are only memory; gives the modules that must stay.

    A part that is not called may be read all the same, such as tables of positions.
    """
    images, stay = torch.rand(1, 3, *PROBE), []
    with torch.inference_mode():
        whole = network(images)
        for name, part in list(network.model.named_children()):
            if any(part is each for each in used) or not part.state_dict():
                continue
            setattr(network.model, name, nn.Identity())
            try:
                same = torch.equal(network(images), whole)
            except Exception:  # whatever a network raises that lacks a part
                same = False
            if not same:
                setattr(network.model, name, part)
                stay += list(part.modules())
    return stay


def _whole(network: Tapped, stride: int) -> int:
    """What sides must be multiples of: 1, or a cell where the network drops a part of one."""
    sides = [side + stride // 2 for side in PROBE]
    with torch.inference_mode():
        cells = network(torch.zeros(1, 3, *sides)).shape[2:]
    whole = all(n * stride >= side for n, side in zip(cells, sides, strict=True))
    return 1 if whole else stride


def _unreachable(name: str, wanted: int, stride: int = 0) -> UsageError:
    own = f"its own is {stride}: use --set stride={stride}" if stride else "use --set stride=0"
    return UsageError(f"backbone={name} cannot have stride {wanted}; {own}")


@contextmanager
def _watched(network: nn.Module) -> Iterator[tuple[list[nn.Module], list[tuple[Any, int]]]]:
    """Collects the modules that run, and those of stride 2 with the height of their input."""
    used: list[nn.Module] = []
    steps: list[tuple[Any, int]] = []

    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        used.append(module)
        if isinstance(module, (nn.Conv2d, nn.MaxPool2d)) and module.stride in (2, (2, 2)):
            steps.append((module, inputs[0].shape[2]))

    hooks = [module.register_forward_pre_hook(note) for module in network.modules()]
    try:
        yield used, steps
    finally:
        for hook in hooks:
            hook.remove()


def load(network: nn.Module, path: Path, used: Iterable[nn.Module], *, key: str = "") -> list[str]:
    """Fill a network from a checkpoint, .safetensors or a pickle of state dicts.

    A vision transformer of timm takes over the grid of cells that the position embeddings of the
    file are for; it interpolates them to the grid of each frame.

    Args:
        network: what to fill.
        path: the file.
        used: the modules that run; only what they hold is needed.
        key: which network of a file that holds several.

    Returns:
        What a reader must know of how the file was read, in sentences.

    Raises:
        DataError: the file is missing or no state dict, or lacks weights that the network uses.
        UsageError: it holds several such networks, and `key` does not say which.
    """
    running = {id(module) for module in used}
    root = network.model if isinstance(network, Tapped) else network
    running.add(id(root))  # holds tokens and position embeddings of its own
    own = root.state_dict()
    needed = {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in root.named_modules()
        if id(module) in running
        for name in module.state_dict()
        if "." not in name and name != "num_batches_tracked"
    }
    flexible = {"pos_embed"} & needed if positions.can_change(root) else set()

    def fitting(name: str) -> Callable[[Tensor], bool]:
        shape = own[name].shape
        if name in flexible:
            return lambda given: given.ndim == 3 and given.shape[::2] == shape[::2]
        return lambda given: given.shape == shape

    found = network_in(path, {name: fitting(name) for name in sorted(needed)}, key=key)
    remarks = []
    if found.place:
        count = len(found.state)
        remarks.append(
            f"weights {path.name}: of its {count + found.others} tensors the {count} under "
            f"{found.place} are used"
        )
    for name in flexible:
        if found.state[name].shape != own[name].shape:
            remarks += positions.change(root, found.state[name], path)
    root.load_state_dict(found.state, strict=False)
    return remarks

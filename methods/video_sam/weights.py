"""Weights as the options name them -> a network that is ready to track."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from vosbench.errors import DataError, UsageError, needing

from . import folders
from .families import FAMILIES, Family, at_size
from .folders import Folder
from .options import Hub
from .pictures import Input

if TYPE_CHECKING:
    from .options import Options

RANDOM = "random weights: masks and scores mean nothing"


class Network(NamedTuple):
    """A network, how it sees frames, and what a reader of its scores must know.

    model, session: of transformers. dtype: the type in which it computes.
    """

    model: Any
    session: Any
    view: Input
    dtype: torch.dtype
    remarks: tuple[str, ...]

    def precision(self) -> torch.autocast:
        """The type in which the network computes; a shorter one as in SAM 2's script."""
        kind = torch.device(self.view.device).type
        return torch.autocast(kind, dtype=self.dtype, enabled=self.dtype != torch.float32)


def read_files(options: Options) -> dict[str, Path]:
    """The files that are read of the folder of weights, {} for random ones."""
    if options.weights is None or options.weights == "random":
        return {}
    folder, _ = _folder(options)
    return folders.files(folder)


def network(options: Options, *, device: str, seed: int) -> Network:
    """The network that the options name, on the device.

    Raises:
        UsageError: no weights are given, or the size does not fit.
        DataError: the folder holds no such network, or a damaged one.
    """
    family, dtype = FAMILIES[options.model], getattr(torch, options.dtype)
    if options.weights is None:
        raise UsageError(
            'video-sam needs weights, and downloads none unasked: `pip install "vosbench[sam]"`, '
            f"`hf download {family.get} --local-dir sam-weights`, `vosbench run --method video-sam "
            f"--set model={options.model} --set weights=sam-weights ...`; or --set "
            f"weights=hub:{family.get}, or --set weights=random for a tiny network to try it"
        )
    colours = family.colours
    with _quiet(family):
        if options.weights == "random":
            from . import tiny

            model, said = tiny.network(options.model, options.size, seed=seed), [RANDOM]
        else:
            folder, said = _folder(options)
            model, colours = _loaded(folder, family, options, said), folders.colours(folder, family)
    model = model.eval().requires_grad_(False).to(device)
    view = Input(int(model.config.image_size), colours, device=device)
    port = f"{options.model} as transformers {metadata.version('transformers')} has it"
    said.append(f"{port}, whose figures may differ from those of its authors' code")
    return Network(model, family.kind("InferenceSession"), view, dtype, tuple(said))


def _folder(options: Options) -> tuple[Folder, list[str]]:
    """The folder that is meant, looked at, and what is to be said of it."""
    family = FAMILIES[options.model]
    if isinstance(options.weights, Hub):
        with _quiet(family):
            from . import hub

            path = hub.snapshot(options.weights)
        said = [f"weights of {options.weights.repository}, revision {path.name}"]
        return folders.look_at(path, family, options.model), said
    return folders.look_at(Path(str(options.weights)), family, options.model), []


def _loaded(folder: Folder, family: Family, options: Options, said: list[str]) -> Any:
    """The network with the folder's weights; what is left over of the file goes into `said`."""
    from safetensors import SafetensorError

    config, model = family.kind("Config"), family.kind("Model")
    given = folder.config.get("tracker_config") or folder.config  # SAM 3 with its detector
    try:
        made = config.from_dict(dict(given))
        _check_encoder(made, folder)
        made = at_size(made, options.size or int(made.image_size))
        loaded, told = model.from_pretrained(
            folder.path,
            config=made,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (UsageError, DataError):
        raise
    except (SafetensorError, EOFError) as error:
        raise DataError(
            f"weights {folder.path} are damaged ({error}); download them again"
        ) from None
    except Exception as error:  # whatever a configuration of other versions makes the library raise
        text = " ".join(str(error).split())[:300]
        raise DataError(
            f"weights {folder.path} do not fit {family.name}Model of transformers "
            f"{metadata.version('transformers')}: {type(error).__name__}: {text}"
        ) from None
    if missing := sorted(told["missing_keys"]):
        raise DataError(
            f"weights {folder.path} lack {len(missing)} tensors of the network, such as "
            f"{missing[0]}; download them again, or give those of {family.get}"
        )
    for name, weight in loaded.state_dict().items():
        if not weight.isfinite().all():
            raise DataError(f"weights {folder.path} are damaged: {name} has values not finite")
    if unused := sorted(told["unexpected_keys"]):
        said.append(f"{len(unused)} tensors of the weights are not of the network: {unused[0]}")
    return loaded


def _check_encoder(config: Any, folder: Folder) -> None:
    """Refuse a configuration by which timm would fetch an encoder, or read a pickle."""
    encoder = config.vision_config.backbone_config
    name, arguments = getattr(encoder, "architecture", ""), getattr(encoder, "model_args", None)
    if ":" in name or "checkpoint_path" in (arguments or {}):
        raise DataError(
            f"weights {folder.path}: config.json asks timm for encoder {name!r} from elsewhere; "
            "only encoders that timm defines are used, with the folder's own weights"
        )


@contextlib.contextmanager
def _quiet(family: Family) -> Iterator[None]:
    """Around what the library does: neither its warnings nor its bars are for a user of ours.

    Raises:
        MissingExtraError: it is not installed.
    """
    with needing("method 'video-sam'", extra="sam"):
        for library in family.needs:
            importlib.import_module(library)
    logging: Any = importlib.import_module("transformers.utils.logging")
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()

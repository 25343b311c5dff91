"""Tracks objects with Cutie: memory of earlier frames, read pixel by pixel and object by object.

Frames, prompts -> masks. Weights are read from a file of yours; nothing is downloaded. Try it:

    pip install "vosbench[cutie]"
    wget https://github.com/hkchengrex/Cutie/releases/download/v1.0/cutie-base-mega.pth
    vosbench run --method cutie --set weights=cutie-base-mega.pth --dataset davis2017

Options:
    weights         FILE, .pth or .safetensors; of a pickle only tensors are read. Or random: a
                    network to try things with, whose scores mean nothing
    model           base or small, as the file is
    size            the shorter side in pixels to which larger frames are brought; none keeps all
    mem_every       every so many frames one is remembered
    max_mem_frames  so many frames are remembered, the first among them
    top_k           so many cells of the memory count for a cell
    long_term       remember older frames as prototypes, too; for videos of more than a minute
    long_tokens     so many prototypes and cells at most
    chunk_size      objects that are computed at once; -1 for all; fewer take less memory
    amp             half precision, on a GPU

The defaults are those with which its authors' eval_vos.py runs on DAVIS, YouTube-VOS and MOSE, and
frames are resized as there. For LVOS, BURST and own videos they set long_term=true (BURST:
size=600, mem_every=10); "Cutie+" on MOSE is size=720, mem_every=3, max_mem_frames=10. An object may
start at any frame. What runs is rf-cutie, a maintained package of their code (MIT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vosbench.errors import needing

from .options import Options

if TYPE_CHECKING:
    from .method import Cutie

__all__ = ["SOURCE", "Options", "build"]

SOURCE = "Cheng et al., Putting the Object Back into Video Object Segmentation, CVPR 2024 (MIT)"


def build(options: Options, *, device: str, seed: int) -> Cutie:
    """Make the method; the seed draws random weights.

    Raises:
        UsageError: no weights are given.
        DataError: they are missing, damaged, or of another network.
        MissingExtraError: rf-cutie or torch is not installed.
    """
    with needing("method 'cutie'", extra="cutie"):  # which brings torch, too
        from .method import Cutie
        from .network import network

    return Cutie(network(options, seed=seed).to(device), options, device=device)

"""Weights on huggingface.co -> the folder of one revision, downloaded once."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from vosbench.errors import DataError

from .options import Hub

FILES = ["*.json", "*.safetensors"]  # never a pickle


def snapshot(weights: Hub) -> Path:
    """The folder of the revision, named as its commit; asked for once, then taken from the cache.

    Raises:
        DataError: there is no such repository or revision, or it cannot be reached.
    """
    name, revision = weights.repository, weights.revision
    try:
        path = _download(name, revision, local_files_only=True)
        if (path / "config.json").is_file() and any(path.glob("*.safetensors")):
            return path
    except LocalEntryNotFoundError:
        pass
    try:
        return _download(name, revision)
    except GatedRepoError:
        fault = f"its authors ask you to agree to a licence first: https://huggingface.co/{name}"
    except RepositoryNotFoundError:
        fault = "there is no such repository, or you may not see it"
    except RevisionNotFoundError:
        fault = f"it has no revision {revision}"
    except LocalEntryNotFoundError:
        fault = "huggingface.co cannot be reached"
    except (HfHubHTTPError, OSError, ValueError) as error:
        fault = " ".join(str(error).split())[:200]
    raise DataError(
        f"weights {weights} cannot be downloaded: {fault}; get them elsewhere with `hf download "
        f"{name} --local-dir FOLDER` and give --set weights=FOLDER"
    )


def _download(name: str, revision: str | None, *, local_files_only: bool = False) -> Path:
    return Path(
        snapshot_download(
            name,
            revision=revision,
            allow_patterns=FILES,
            cache_dir=constants.HF_HUB_CACHE,
            local_files_only=local_files_only,
        )
    )

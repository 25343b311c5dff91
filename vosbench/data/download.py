"""Download the archives of a dataset, verify them and unpack them into ROOT/<card.folder>.

A download that was stopped continues. Archives stay in ROOT with their sha256 beside them; an
incomplete one is `<name>.part`. The folder appears only when everything is unpacked.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from vosbench.data.unpack import kind_of, unpack
from vosbench.errors import DataError, UsageError
from vosbench.files import remove, replace
from vosbench.types import Archive, DatasetCard, check_name

Progress: TypeAlias = Callable[[int, int | None], None]  # bytes of this file so far, total if known

CHUNK = 1 << 20
RETRIES = 5  # in a row without one new byte
TIMEOUT = 30.0  # seconds without an answer
PAUSE = 1.0  # seconds before the first retry; doubled each time


def download_dataset(card: DatasetCard, root: Path, *, progress: Progress) -> Path:
    """Download, verify and unpack a dataset; return its folder ROOT/<card.folder>.

    Raises:
        UsageError: the dataset may not be downloaded freely, or its folder exists already.
        DataError: an archive cannot be fetched, is not the expected file, or is unsafe.
    """
    folder = root / card.folder
    if not card.archives:
        where = f"ask for it at {card.registration}, then put it into {folder}"
        raise UsageError(
            f"{card.title} cannot be downloaded freely: {where}"
            if card.registration
            else f"{card.name} has nothing to download"
        )
    if folder.exists():
        raise UsageError(
            f"{folder} exists already; check it with `vosbench data check {card.name} --root "
            f"{folder}`, or move it away to download it again"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        unpack([fetch(archive, root, progress=progress) for archive in card.archives], folder)
    except OSError as error:
        raise DataError(f"{root} cannot be written: {error}") from error
    return folder


def fetch(archive: Archive, root: Path, *, progress: Progress) -> Path:
    """Download an archive into `root`, unless it is there, and verify it; give its path.

    Raises:
        DataError: the server refuses, the connection breaks too often, or the file is another.
    """
    target = root / check_name(archive.filename, "archive", "the dataset's card")
    if target.exists():
        if fault := _verify(archive, target, target):
            raise DataError(f"{target} {fault}; remove it and give the same command again")
        return target
    part = target.with_name(target.name + ".part")
    _fetch_part(archive, part, progress)
    fault = _verify(archive, part, target)
    remove(_note(part), inside=root)
    if fault:
        remove(part, inside=root)
        raise DataError(
            f"{archive.url} gave a file that {fault}; it was removed, give the same command "
            "again to download it again"
        )
    replace(part, target, inside=root)
    return target


class _PassingError(Exception):
    """A connection failed; trying again may help."""


def _fetch_part(archive: Archive, part: Path, progress: Progress) -> None:
    """Complete a partial file; try again as long as it grows."""
    most, failures = _size(part), 0
    while True:
        try:
            _continue(archive, part, progress)
            return
        except _PassingError as error:
            failures = 1 if _size(part) > most else failures + 1
            most = max(most, _size(part))
            if failures > RETRIES:
                raise DataError(
                    f"{archive.url} broke off {failures} times: {error}; {_size(part)} bytes are "
                    f"kept in {part}, the same command continues from there"
                ) from error
        time.sleep(PAUSE * 2 ** (failures - 1))


def _continue(archive: Archive, part: Path, progress: Progress) -> None:
    """Fetch the rest of a partial file; _PassingError if the connection breaks."""
    done, note = _size(part), _read_note(part)
    if done and not note:
        raise DataError(
            f"{part} was not started by vosbench (it has no {_note(part).name}); move it away, "
            "then give the same command again"
        )
    if done and done == note.get("total"):
        return
    headers = {"User-Agent": "vosbench", "Accept-Encoding": "identity"}
    if done and note:
        headers["Range"] = f"bytes={done}-"
        if note.get("validator"):
            headers["If-Range"] = str(note["validator"])
    try:
        with _open(archive.url, headers) as response:
            length = _whole(response.headers.get("Content-Length"))
            if response.status == 206:
                start, total = _content_range(response.headers.get("Content-Range", ""))
                if start != done or total != note.get("total"):
                    remove(part, inside=part.parent)
                    raise _PassingError("the file on the server has changed; starting again")
            else:
                done, total = 0, length if length >= 0 else None
                _start(archive, part, total, response)
            for piece in _pieces(response):
                if not done:
                    _refuse_other(archive, piece, part)
                with part.open("ab") as file:
                    file.write(piece)
                done += len(piece)
                progress(done, total)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            remove(part, inside=part.parent)
            raise _PassingError("the part that was kept does not fit; starting again") from error
        if error.code >= 500 or error.code in (408, 429):  # timeout, too many requests
            raise _PassingError(f"the server answered {error.code} {error.reason}") from error
        raise DataError(
            f"{archive.url}: the server answered {error.code} {error.reason}; the archive may "
            "have moved: see the dataset's page"
        ) from error
    if total is not None and done < total:
        raise _PassingError(f"{done} of {total} bytes came")


def _open(url: str, headers: dict[str, str]) -> Any:
    """The response; HTTPError if the server refuses, _PassingError if it cannot be reached."""
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        raise _PassingError(str(error)) from error


def _pieces(response: Any) -> Iterator[bytes]:
    """The body as it arrives; _PassingError when the connection breaks."""
    while True:
        try:
            piece = response.read1(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _PassingError(str(error)) from error
        if not piece:
            return
        yield piece


def _start(archive: Archive, part: Path, total: int | None, response: Any) -> None:
    """Begin a file anew: check its size and the disk, and note what a later Range must match."""
    if None not in (total, archive.size) and total != archive.size:
        raise DataError(
            f"{archive.url} has {total} bytes, expected {archive.size}: it is not the archive "
            "that this card knows"
        )
    free = shutil.disk_usage(part.parent).free + _size(part)
    if total is not None and total > free:
        raise DataError(f"{archive.filename} needs {total} bytes, {part.parent} has {free} free")
    etag = response.headers.get("ETag", "")
    # A weak ETag does not promise equal bytes, and If-Range does not allow it.
    strong = etag if etag and not etag.startswith("W/") else ""
    validator = strong or response.headers.get("Last-Modified", "")
    part.write_bytes(b"")
    _note(part).write_text(json.dumps({"total": total, "validator": validator}))


def _refuse_other(archive: Archive, first: bytes, part: Path) -> None:
    """Stop if the first bytes show that this is not a zip archive."""
    if not first.startswith(b"PK"[: len(first)]):
        remove(part, inside=part.parent)
        remove(_note(part), inside=part.parent)
        raise DataError(
            f"{archive.url} gave {kind_of(first)}, expected a zip archive; open the address in a "
            "browser: it may ask for consent, or have moved"
        )


def _verify(archive: Archive, path: Path, target: Path) -> str:
    """What is wrong with an archive's size, sha256 or, without these, own checksums; or "".

    The sha256 is written beside `target`, so that the checksums are not read a second time.
    """
    digest, seen = _sha256(path), target.with_name(target.name + ".sha256")
    if archive.size is not None and _size(path) != archive.size:
        return f"has {_size(path)} bytes, expected {archive.size}"
    if archive.sha256 is not None:
        if digest != archive.sha256:
            return f"has sha256 {digest}, expected {archive.sha256}"
    elif not (seen.is_file() and seen.read_text().split()[:1] == [digest]) and (
        fault := _zip_fault(path)
    ):
        return fault
    seen.write_text(f"{digest}  {target.name}\n")
    return ""


def _zip_fault(path: Path) -> str:
    """What is wrong with a zip archive's directory or checksums, or ""."""
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except Exception as error:  # zlib, struct, EOF and NotImplemented errors, as the damage falls
        with path.open("rb") as file:
            return f"is damaged ({error}; it begins as {kind_of(file.read(64))})"
    return f"is damaged: the checksum of {bad} in it is wrong" if bad else ""


def _whole(text: str | None) -> int:
    """A number of bytes that a server tells; -1 where it tells none."""
    return int(text) if text and text.isascii() and text.isdigit() else -1


def _content_range(text: str) -> tuple[int, int | None]:
    """`bytes 100-999/1000` -> (100, 1000); (-1, None) for anything else."""
    unit, _, rest = text.partition(" ")
    span, _, total = rest.partition("/")
    start = span.partition("-")[0]
    if unit != "bytes" or not start.isdigit():
        return -1, None
    return int(start), int(total) if total.isdigit() else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_note(part: Path) -> dict[str, Any]:
    """The note that was written when the partial file was started; {} if unreadable."""
    try:
        note = json.loads(_note(part).read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}

"""Unpack zip archives safely into one folder, which appears complete or not at all.

A single folder at the top of an archive, such as DAVIS/, is dropped from the paths.
"""

from __future__ import annotations

import lzma
import shutil
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from vosbench.errors import DataError
from vosbench.files import member_parts, remove, replace, safe_members

KINDS = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"Rar!", "a rar archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"BZh", "a bzip2 file"),
    (b"%PDF", "a PDF"),
    (b"<?xml", "an XML page"),
    (b"<", "an HTML page"),
    (b"{", "JSON"),
)


def kind_of(first: bytes) -> str:
    """What kind of file its first bytes suggest, in words, with the bytes.

    >>> kind_of(b"<!DOCTYPE html><html>")
    "an HTML page (first bytes: b'<!DOCTYPE html><')"
    """
    shown = f"(first bytes: {first[:16]!r})"
    for magic, kind in KINDS:
        if first.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(magic):
            return f"{kind} {shown}"
    return f"an unknown kind of file {shown}" if first else "nothing"


def unpack(archives: Sequence[Path], folder: Path) -> None:
    """Unpack all archives into one new folder, which has a temporary name until it is complete.

    Raises:
        DataError: a member would land outside the folder, is a link, is encrypted or damaged, or
            the disk is too full; every unsafe member is listed and nothing is left behind.
    """
    partial = folder.with_name(f".{folder.name}.unpacking")
    remove(partial, inside=folder.parent)  # left by a run that was killed
    partial.mkdir(parents=True)
    try:
        for archive in archives:
            _unpack_one(archive, partial)
        replace(partial, folder, inside=folder.parent)
    finally:
        remove(partial, inside=folder.parent)


def _unpack_one(path: Path, into: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = safe_members(archive, path)
            needed, free = sum(m.file_size for m in members), shutil.disk_usage(into).free
            if needed > free:
                raise DataError(
                    f"{path} unpacks to {needed} bytes, {into.parent} has {free} free; free some "
                    "space and run the same command again"
                )
            files = [m for m in members if not m.is_dir()]
            top = _common_top(files)
            for member in files:
                parts = member_parts(member)[1 if top else 0 :]
                target = into.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                # zipfile reads no more than the directory's size and checks the CRC at the end.
                with archive.open(member) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except (
        zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError,
    ) as error:  # fmt: skip
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk; that of damaged bzip2 has no number
        raise DataError(f"{path} is damaged: {error}; remove it and fetch it again") from error


def _common_top(files: Sequence[zipfile.ZipInfo]) -> str:
    """The one folder that holds every file of an archive, or ""."""
    tops = {member_parts(member)[0] if len(member_parts(member)) > 1 else "" for member in files}
    return tops.pop() if len(tops) == 1 else ""

"""Write files in one piece, read JSON, and remove or replace nothing but our own files.

A file is written under a temporary name and renamed when it is complete. All of vosbench removes
and replaces through `remove` and `replace`: they refuse a path that is not strictly inside the
folder that the caller owns, and follow no link out of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from vosbench.errors import DataError, UsageError

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

NUMBER = (int, float, type(None))  # in our JSON, null is an undefined number


def jsonable(value: Any) -> Any:
    """A value as JSON can hold it: dataclasses and mappings as objects, paths as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [jsonable(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def fingerprint(value: Any) -> str:
    """The sha256 of a value as JSON; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(jsonable(value), sort_keys=True).encode()).hexdigest()


HALF_A_SEQUENCE = re.compile(r"\..+-[0-9a-f]{8}")  # as running/sequence.py names them
HALF_A_FILE = re.compile(r"\..+\.\d+\.part")  # as write_bytes does


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes out of a run's folder, and remove what killed ones left behind.

    The lock ends with the process, however that ends.

    Raises:
        UsageError: another process works there.
    """
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process is at work in {folder}; wait for it") from None
        try:
            _sweep(folder)
            yield
        finally:
            _sweep(folder)


def _sweep(folder: Path) -> None:
    for partial in (folder / "masks").glob(".*"):
        if HALF_A_SEQUENCE.fullmatch(partial.name):
            with contextlib.suppress(OSError):  # a lost worker may still write there
                remove(partial, inside=folder)
    places = (folder, folder / "sequences", folder / "prompts")
    for partial in (path for place in places for path in place.glob(".*.part")):
        if HALF_A_FILE.fullmatch(partial.name) and not _is_at_work(partial):
            remove(partial, inside=folder)


def _is_at_work(partial: Path) -> bool:
    """Whether another process, such as one that scores the run, may be writing a file right now."""
    process = int(partial.suffixes[-2].removeprefix("."))
    return process != os.getpid() and _lives(process)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one piece, as UTF-8 with plain line ends.

    What is no UTF-8, as in names of files that others made, is written as JSON escapes it.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one piece, even if several processes write it at once."""
    with written_whole(path) as partial:
        partial.write_bytes(content)


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Where to write a file: it gets its name when it is whole, and goes if that fails."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield partial
        replace(partial, path, inside=path.parent)
    except BaseException as error:  # a full disk, among others
        with contextlib.suppress(OSError):
            remove(partial, inside=path.parent)
        if isinstance(error, OSError) and error.errno and not error.filename:
            with contextlib.suppress(AttributeError):  # errors of PyAV know no name
                error.filename = str(path)  # what could not be written is told
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON in one piece; ValueError for NaN, which JSON cannot hold."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, shape: Mapping[str, Any], *, what: str, remedy: str) -> dict[str, Any]:
    """Read one of our JSON files and check its shape.

    Args:
        path: the file.
        shape: key -> the type of its value, a mapping like this one, for a list [the shape of
            its items], or a tuple of such. A key that ends in ? may be missing; others are allowed.
        what: what the file should be, e.g. "a summary of scores".
        remedy: what to do if it is damaged.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it is not JSON or has another shape; names the file and the place in it.
    """
    try:
        content: dict[str, Any] = json.loads(
            path.read_text(encoding="utf-8"), parse_constant=_refuse_constant
        )
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged: {error}; {remedy}") from error
    check_shape(content, shape, path, what=what, remedy=remedy)
    return content


def check_shape(
    content: Any, shape: Mapping[str, Any], path: Path, *, what: str, remedy: str
) -> None:
    """Raise DataError unless the content of a file has the shape; arguments as in `read_json`."""
    if fault := misfit(content, shape):
        raise DataError(f"{path} is not {what}: {fault}; {remedy}")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON value")


def misfit(value: Any, shape: Any, where: str = "it") -> str:
    """The first thing in a value that does not fit the shape (see `read_json`), or "".

    >>> misfit({"J": {"mean": "high"}}, {"J": {"mean": NUMBER}})
    "J.mean is 'high', expected a number or null"
    >>> misfit({"J": 1}, {"J": int, "F": int}), misfit([], {"J": int})
    ("it has no 'F'", 'it is [], expected an object')
    """
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return f"{where} is {_cut(value)}, expected an object"
        inside = "" if where == "it" else f"{where}."
        known = {key.removesuffix("?"): within for key, within in shape.items()}
        missing = (f"{where} has no {key!r}" for key in known if key in shape and key not in value)
        faults = (misfit(value[key], known[key], f"{inside}{key}") for key in known if key in value)
        return next(missing, "") or next(filter(None, faults), "")
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is {_cut(value)}, expected a list"
        faults = (misfit(item, shape[0], f"{where}[{at}]") for at, item in enumerate(value))
        return next(filter(None, faults), "")
    shapes = shape if isinstance(shape, tuple) else (shape,)
    types = tuple(one for one in shapes if isinstance(one, type))
    if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
        if not isinstance(value, (int, float)) or abs(value) < _TOO_LARGE:
            return ""
    elif len(types) < len(shapes):
        return misfit(value, next(one for one in shapes if not isinstance(one, type)), where)
    wanted = " or ".join(dict.fromkeys(_JSON[one] for one in types))
    return f"{where} is {_cut(value)}, expected {wanted}"


_TOO_LARGE = 1e30  # for any number of ours; Python reads 1e999 as infinity
_JSON = {
    str: "text", bool: "true or false", int: "a number", float: "a number", dict: "an object",
    list: "a list", type(None): "null",
}  # fmt: skip


def _cut(value: Any) -> str:
    """A value for a message, cut to 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def remove(path: Path, *, inside: Path) -> None:
    """Remove a file, or a folder with all it holds; of a link, only the link.

    Raises:
        DataError: the path is not strictly inside the folder `inside`; nothing is removed.
    """
    _guard(path, inside)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def replace(path: Path, to: Path, *, inside: Path) -> None:
    """Move a file or a folder within the folder `inside`; an existing file is replaced.

    Raises:
        DataError: a path is not strictly inside `inside`; nothing is moved.
        OSError: a non-empty folder is in the way, or something else went wrong.
    """
    _guard(path, inside)
    _guard(to, inside)
    os.replace(path, to)


def _guard(path: Path, inside: Path) -> None:
    """DataError unless a path is strictly inside a folder; a link at its end is not followed."""
    if path.parent == inside and path.name not in ("", ".."):
        return  # wherever links lead, a name in a folder lies in it
    place = os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118 -- half the time
    if path.name in ("", "..") or not place.startswith(os.path.realpath(inside) + os.sep):
        raise DataError(
            f"{path} does not lie inside {inside}, or a link leads out of it; "
            "nothing there is removed or replaced"
        )


def irregular(path: Path) -> str:
    """What is to be said of a path that is there but no regular file; "" for a file or nothing.

    Reading a pipe waits for ever, so that whoever opens files of users asks first.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        there = path.is_symlink()
        return f"{path} is a link to {path.readlink()}, which is not there" if there else ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    if stat.S_ISREG(mode):
        return ""
    return f"{path} is {'a folder' if stat.S_ISDIR(mode) else 'a pipe or device'}, not a file"


def contents(folder: Path) -> str:
    """What a folder holds, in words: `6 .jpg files and 2 folders, such as Annotations/`."""
    return in_words({path.name: path.is_dir() for path in folder.iterdir()})


def in_words(entries: Mapping[str, bool]) -> str:
    """The same of names; the value of each is whether it is a folder."""
    files: Counter[str] = Counter()
    folders: list[str] = []
    for name in sorted(entries):
        if name.startswith("."):
            continue
        if entries[name]:
            folders.append(name)
        else:
            files[PurePath(name).suffix] += 1
    words = [
        f"{count} {suffix + ' ' if suffix else ''}file{'s' * (count > 1)}"
        for suffix, count in files.most_common(3)
    ]
    if folders:
        words.append(f"{len(folders)} folder{'s' * (len(folders) > 1)}, such as {folders[0]}/")
    return " and ".join(words)


def safe_members(archive: ZipFile, path: Path) -> list[ZipInfo]:
    """The members of a zip archive, without those that macOS adds.

    Raises:
        DataError: one would land outside of its folder, is a link or is encrypted; lists all.
    """
    members = [member for member in archive.infolist() if not _litter(member)]
    if faults := [f"{path}: {fault}" for m in members if (fault := _member_fault(m))]:
        raise DataError([*faults, "the archive is unsafe; nothing was taken from it"])
    return members


def member_parts(member: ZipInfo) -> tuple[str, ...]:
    """The path of a member in its archive; tools on Windows have written backslashes."""
    return PurePosixPath(member.orig_filename.replace("\\", "/")).parts


def _litter(member: ZipInfo) -> bool:
    parts = member_parts(member)
    return bool(parts) and (parts[0] == "__MACOSX" or parts[-1] == ".DS_Store")


def _member_fault(member: ZipInfo) -> str:
    """Why a member may not be taken out, or ""."""
    name, parts = member.orig_filename, member_parts(member)
    mode = stat.S_IFMT(member.external_attr >> 16)
    if not parts or "\0" in name or ".." in parts or parts[0].startswith("/"):
        return f"member {name!r} would land outside the folder"
    if any(PureWindowsPath(part).drive or ":" in part for part in parts):
        return f"member {name!r} names a drive"
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"member {name!r} is a link or device, not a file"
    if member.flag_bits & 1:
        return f"member {name!r} is encrypted"
    return ""


def listing(folder: Path) -> list[str]:
    """Everything in a folder, at any depth, relative to it; links are not followed."""
    found = []
    for here, folders, files in os.walk(folder):
        within = Path(here).relative_to(folder)
        found += [(within / name).as_posix() for name in (*folders, *files)]
    return sorted(found)


def refuse_foreign(folder: Path, own: Collection[str], *, what: str) -> None:
    """UsageError if a folder of ours holds files that we did not write; `own`: see `listing`."""
    foreign = [name for name in listing(folder) if name not in own]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise UsageError(
            f"{folder} is not replaced: {foreign[0]!r}{more} in it is not part of {what}; "
            "move it away, or name another --out"
        )


def former(folder: Path) -> Path:
    """The name that a folder gets for a moment while another takes its place."""
    return folder.with_name(f".{folder.name}.former")


def take_place(new: Path, folder: Path) -> None:
    """Give a finished folder, built beside it, its name; one of that name stands aside first.

    A kill in between leaves the old folder whole under `former`; see `give_back`.
    """
    if folder.exists():
        replace(folder, former(folder), inside=folder.parent)
    replace(new, folder, inside=folder.parent)


def place_of(out: Path) -> Path:
    """The absolute folder that something made beside it is to take the place of.

    Raises:
        UsageError: the process stands in it, and would stand nowhere afterwards.
    """
    folder = out.resolve()
    if Path.cwd().is_relative_to(folder):
        raise UsageError(
            f"--out {out} is the folder that you are in, and it would be replaced as a whole; "
            "name a folder in it"
        )
    give_back(folder)
    return folder


def remove_left(place: Path) -> None:
    """Remove what killed processes had begun to write beside a place, to be what it now is.

    Processes of this machine, that is, and an hour ago or more: others may work on it yet.
    """
    beside = place.parent
    for left in beside.glob(f".{glob.escape(place.name)}.*.part"):
        number = left.name.removesuffix(".part").rpartition(".")[2]
        if number.isdecimal() and left.name == f".{place.name}.{number}.part":
            old = time.time() - left.lstat().st_mtime > 3600
            if int(number) == os.getpid() or (old and not _lives(int(number))):
                remove(left, inside=beside)


def _begin(place: Path) -> Path:
    """An empty folder beside a place, to build in what is to take it."""
    remove_left(place)
    building = place.with_name(f".{place.name}.{os.getpid()}.part")
    building.mkdir()
    return building


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def give_back(folder: Path) -> None:
    """Undo what a kill in the middle of `take_place` left: the old folder gets its name back."""
    if former(folder).is_dir() and not os.path.lexists(folder):
        replace(former(folder), folder, inside=folder.parent)


def replace_folder(new: Path, folder: Path) -> None:
    """Put a finished folder in the place of an older one, all of which is ours."""
    left = os.path.lexists(former(folder))
    if left and folder.exists():  # a kill once left what this one had replaced
        remove(former(folder), inside=folder.parent)
    take_place(new, folder)
    remove(former(folder), inside=folder.parent)


@contextlib.contextmanager
def built_beside(place: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """An empty folder to build in: it takes the place when it is whole, and goes if it fails.

    check: raises where the place may not be taken; asked before and after the building.
    """
    check(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    building = _begin(place)
    try:
        yield building
        check(place)  # somebody may have put something there meanwhile
        replace_folder(building, place)
    finally:
        with contextlib.suppress(OSError):
            remove(building, inside=place.parent)

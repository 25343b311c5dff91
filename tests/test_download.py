"""Downloads from a local server that breaks off, lies and tempts."""

from __future__ import annotations

import hashlib
import io
import random
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vosbench.data import download
from vosbench.data.download import download_dataset, fetch
from vosbench.data.unpack import unpack
from vosbench.errors import DataError, UsageError
from vosbench.protocols import DAVIS2016
from vosbench.types import Archive, DatasetCard


@dataclass
class Site:
    """What the server serves and how it misbehaves, and the Range of every request it saw."""

    body: bytes = b""
    ranges: bool = True
    break_after: list[int] = field(default_factory=list)  # bytes before each break, in turn
    etag: str | None = '"one"'
    status: list[int] = field(default_factory=list)  # refusals before the first answer
    chunked: bool = False
    seen: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    state = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

        def do_GET(self) -> None:
            state.seen.append(self.headers.get("Range", ""))
            if state.status:
                self.send_error(state.status.pop(0))
                return
            start, asked = 0, self.headers.get("Range")
            fits = self.headers.get("If-Range") in (None, state.etag)
            if asked and state.ranges and fits:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                self.send_response(206)
                size = len(state.body)
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            else:
                self.send_response(200)
            if state.etag:
                self.send_header("ETag", state.etag)
            if not state.chunked:
                self.send_header("Content-Length", str(len(state.body) - start))
            self.send_header("Connection", "close")
            self.end_headers()
            stop = state.break_after.pop(0) if state.break_after else len(state.body)
            self.wfile.write(state.body[start : start + stop])
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/data.zip"
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def zipped(members: dict[str, bytes], *, mode: int | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            if mode is not None:
                info.external_attr = mode << 16
            archive.writestr(info, content)
    return out.getvalue()


NOISE = random.Random(0).randbytes(200_000)
GOOD = zipped({"DAVIS/JPEGImages/a/00000.jpg": NOISE, "DAVIS/README.md": b"hello"})


def archive_of(site: Site, **known: object) -> Archive:
    return replace(Archive(url=site.url, filename="data.zip"), **known)  # type: ignore[arg-type]


def card_of(*archives: Archive, registration: str = "") -> DatasetCard:
    return DatasetCard(
        name="tiny",
        title="Tiny",
        url="",
        licence="",
        citation="",
        folder="TINY-2016",
        splits={"val": ()},
        protocols=(DAVIS2016,),
        archives=archives,
        registration=registration,
    )


def quiet(done: int, total: int | None) -> None:
    """Progress that nobody looks at."""


def get(site: Site, root: Path, **known: object) -> Path:
    return download_dataset(card_of(archive_of(site, **known)), root, progress=quiet)


def test_download_takes_the_top_folder_off_and_notes_the_sha256(site: Site, tmp_path: Path) -> None:
    site.body = GOOD
    calls: list[tuple[int, int | None]] = []
    card = card_of(archive_of(site))
    folder = download_dataset(
        card, tmp_path, progress=lambda done, total: calls.append((done, total))
    )
    assert folder == tmp_path / "TINY-2016"
    assert (folder / "JPEGImages/a/00000.jpg").read_bytes() == NOISE
    assert (folder / "README.md").read_bytes() == b"hello"
    assert calls[-1] == (len(GOOD), len(GOOD))
    digest = hashlib.sha256(GOOD).hexdigest()
    assert (tmp_path / "data.zip.sha256").read_text() == f"{digest}  data.zip\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "TINY-2016",
        "data.zip",
        "data.zip.sha256",
    ]


def test_a_broken_connection_is_resumed_and_byte_equal(site: Site, tmp_path: Path) -> None:
    site.body, site.break_after = GOOD, [70_000, 50_000, 10]
    target = fetch(archive_of(site), tmp_path, progress=quiet)
    assert target.read_bytes() == GOOD
    assert site.seen == ["", "bytes=70000-", "bytes=120000-", "bytes=120010-"]


def test_a_later_command_goes_on_from_the_part(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "RETRIES", 0)
    site.body, site.break_after = GOOD, [70_000]
    with pytest.raises(DataError, match=r"broke off.*70000 of .* bytes came.*continues from there"):
        fetch(archive_of(site), tmp_path, progress=quiet)
    assert (tmp_path / "data.zip.part").stat().st_size == 70_000
    assert fetch(archive_of(site), tmp_path, progress=quiet).read_bytes() == GOOD
    assert site.seen[-1] == "bytes=70000-"


def test_a_server_without_range_starts_again(site: Site, tmp_path: Path) -> None:
    site.body, site.ranges, site.break_after = GOOD, False, [70_000]
    assert fetch(archive_of(site), tmp_path, progress=quiet).read_bytes() == GOOD


@pytest.mark.parametrize("etag", ['"two"', None])
def test_a_file_that_changed_on_the_server_starts_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, etag: str | None
) -> None:
    monkeypatch.setattr(download, "RETRIES", 0)
    site.body, site.break_after = GOOD, [70_000]
    if etag is None:
        site.etag = None
    with pytest.raises(DataError):
        fetch(archive_of(site), tmp_path, progress=quiet)
    monkeypatch.setattr(download, "RETRIES", 1)
    site.etag, site.body = etag, zipped({"DAVIS/b": NOISE[::-1] + b"longer"})
    assert fetch(archive_of(site), tmp_path, progress=quiet).read_bytes() == site.body


def test_a_part_that_is_too_long_starts_again(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.zip.part").write_bytes(bytes(2 * len(GOOD)))
    (tmp_path / "data.zip.part.json").write_text('{"total": 1, "validator": "\\"one\\""}')
    site.body, site.status = GOOD, [416]
    assert fetch(archive_of(site), tmp_path, progress=quiet).read_bytes() == GOOD


def test_a_part_of_unknown_origin_is_kept(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.zip.part").write_bytes(b"of a browser")
    site.body = GOOD
    with pytest.raises(
        DataError, match=r"data.zip.part was not started by vosbench .*move it away"
    ):
        fetch(archive_of(site), tmp_path, progress=quiet)
    assert (tmp_path / "data.zip.part").read_bytes() == b"of a browser"


def test_without_a_length_the_zip_itself_tells(site: Site, tmp_path: Path) -> None:
    site.body, site.chunked, site.break_after = GOOD, True, [70_000]
    with pytest.raises(DataError, match=r"is damaged.*removed, give the same command"):
        fetch(archive_of(site), tmp_path, progress=quiet)
    assert fetch(archive_of(site), tmp_path, progress=quiet).read_bytes() == GOOD


def test_a_busy_server_is_asked_again_and_a_refusal_is_not(site: Site, tmp_path: Path) -> None:
    site.body, site.status = GOOD, [503, 429]
    assert fetch(archive_of(site), tmp_path, progress=quiet).read_bytes() == GOOD
    site.status, site.seen = [404], []
    with pytest.raises(DataError, match="answered 404"):
        fetch(replace(archive_of(site), filename="b.zip"), tmp_path, progress=quiet)
    assert len(site.seen) == 1


def test_no_server_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    archive = Archive(url="http://127.0.0.1:1/data.zip", filename="data.zip")
    with pytest.raises(DataError, match="broke off 6 times"):
        fetch(archive, tmp_path, progress=quiet)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><html>Please log in", "an HTML page"),
        (b"\x1f\x8b\x08\x00 and so on", "a gzip file"),
        (b"\x89PNG but no zip", "an unknown kind of file"),
    ],
)
def test_a_wrong_file_is_refused_by_its_first_bytes(
    site: Site, tmp_path: Path, body: bytes, words: str
) -> None:
    site.body = body
    with pytest.raises(DataError, match=f"{words}.*expected a zip archive"):
        get(site, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_answer_is_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="begins as nothing"):
        get(site, tmp_path)


def test_size_and_sha256_of_the_card_are_held(site: Site, tmp_path: Path) -> None:
    site.body = GOOD
    with pytest.raises(DataError, match=rf"has {len(GOOD)} bytes, expected 7"):
        get(site, tmp_path, size=7)
    with pytest.raises(DataError, match=r"has sha256 .* expected 00ff"):
        get(site, tmp_path, sha256="00ff")
    assert not (tmp_path / "TINY-2016").exists()
    assert get(site, tmp_path, size=len(GOOD), sha256=hashlib.sha256(GOOD).hexdigest()).is_dir()


def test_a_corrupted_zip_is_refused_and_removed(site: Site, tmp_path: Path) -> None:
    at = GOOD.index(NOISE) + 1000
    site.body = GOOD[:at] + bytes([GOOD[at] ^ 1]) + GOOD[at + 1 :]
    with pytest.raises(
        DataError, match=r"checksum of DAVIS/JPEGImages/a/00000\.jpg in it is wrong"
    ):
        get(site, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_is_there_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(GOOD)
    assert get(site, tmp_path).is_dir()
    assert site.seen == []
    (tmp_path / "other.zip").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"other.zip is damaged.*remove it"):
        fetch(replace(archive_of(site), filename="other.zip"), tmp_path, progress=quiet)
    assert (tmp_path / "other.zip").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "name",
    ["DAVIS/../../out", "/tmp/out", "//host/out", "C:/out", "C:\\out", "DAVIS\\..\\..\\out", ".."],
)
def test_an_archive_that_leaves_the_folder_is_refused_whole(
    site: Site, tmp_path: Path, name: str
) -> None:
    site.body = zipped({"DAVIS/good": b"1", name: b"2"})
    root = tmp_path / "root"
    with pytest.raises(
        DataError, match=r"(would land outside the folder|names a drive)(.|\n)*nothing was taken"
    ):
        get(site, root)
    assert [p.name for p in tmp_path.iterdir()] == ["root"]
    assert sorted(p.name for p in root.iterdir()) == ["data.zip", "data.zip.sha256"]


def test_links_are_refused(site: Site, tmp_path: Path) -> None:
    site.body = zipped({"DAVIS/link": b"/etc/passwd"}, mode=0o120777)
    with pytest.raises(DataError, match="is a link or device"):
        get(site, tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.body = GOOD
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(DataError, match=r"needs \d+ bytes, .* has 1000 free"):
        get(site, tmp_path)
    (tmp_path / "data.zip").write_bytes(GOOD)
    with pytest.raises(DataError, match=r"unpacks to 200005 bytes, .* has 1000 free"):
        get(site, tmp_path)
    assert not (tmp_path / "TINY-2016").exists()


def test_several_archives_become_one_folder_and_litter_is_left_out(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({"DAVIS/x": b"1", "__MACOSX/DAVIS/._x": b"2"}))
    (tmp_path / "b.zip").write_bytes(zipped({"y": b"3", "sub/z": b"4", "sub/.DS_Store": b"5"}))
    (tmp_path / ".TINY-2016.unpacking").mkdir()  # as a killed run leaves it
    archives = [replace(archive_of(site), filename=name) for name in ("a.zip", "b.zip")]
    folder = download_dataset(card_of(*archives), tmp_path, progress=quiet)
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*")) == [
        "sub",
        "sub/z",
        "x",
        "y",
    ]


def test_what_may_not_be_fetched_says_where_to_ask(tmp_path: Path) -> None:
    card = card_of(registration="http://example.org/register")
    with pytest.raises(UsageError, match=r"example.org/register, then put it into .*TINY-2016"):
        download_dataset(card, tmp_path, progress=quiet)
    with pytest.raises(UsageError, match="tiny has nothing to download"):
        download_dataset(card_of(), tmp_path, progress=quiet)


def test_a_folder_that_is_there_is_left_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / "TINY-2016").mkdir()
    with pytest.raises(UsageError, match="exists already; check it with"):
        get(site, tmp_path)


def test_a_folder_that_cannot_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    site.body = GOOD
    with pytest.raises(DataError, match="cannot be written"):
        get(site, tmp_path / "file")


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_damage_of_any_compression_is_told(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("a/00000.png", NOISE[:5000])
    content = bytearray(path.read_bytes())
    content[60:400] = bytes(340)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.zip is damaged: .*; remove it and fetch it again"):
        unpack([path], tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]

"""Keeps the first mask and goes wrong as its first argument says; for tests/test_command.py."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

how, frames, masks, out, note = sys.argv[1], *map(Path, sys.argv[2:6])
names = [path.stem for path in sorted(frames.iterdir())]
first = np.asarray(Image.open(masks / "00000.png")) if (masks / "00000.png").exists() else None
if how in ("hangs", "forks"):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    note.write_text(f"{os.getpid()} {child.pid} {out}")
if how == "hangs":
    print("now waiting")
    time.sleep(300)
if how == "naps":  # over videos of more than six frames
    time.sleep(4 * (int(note.name) > 6))
if how == "status":
    print("reading weights\nValueError: no such weights")
    sys.exit(3)
if how == "signal":
    os.kill(os.getpid(), signal.SIGSEGV)
if how == "prints":
    print("\n" * 99_999 + "begun")
    for number in range(200_000):
        print(f"\x1b[31mstep {number}\x1b[0m of very many, as progress bars do", end="\r")
    print("", *(f"line {number}" for number in range(2, 20)), sep="\n")
if how == "long-line":
    print("x" * 30_000_000 + "\rthe end")
if how in ("daemon", "daemon-waits"):  # as torchrun starts its workers, in sessions of their own
    line = [sys.executable, "-c", "import time; time.sleep(300)"]
    child = subprocess.Popen(line, start_new_session=True, stdout=subprocess.DEVNULL)
    note.write_text(f"{os.getpid()} {child.pid} {out}")
    time.sleep(300 * (how == "daemon-waits"))
if how == "removes":
    out.rmdir()
    sys.exit(0)
if how == "lists":
    print(
        *sorted(str(path.relative_to(frames.parents[1])) for path in frames.parents[1].rglob("*"))
    )
folder = {"deep": out / "Annotations" / "video", "named": out / "b"}.get(how, out)
folder.mkdir(parents=True, exist_ok=True)
changed = {
    "few": names[:-2], "many": [*names, "00099"], "skips": names[1:],
    "from-1": [f"frame{int(name) + 1}" for name in names],
}  # fmt: skip
for name in changed.get(how, names):
    mask = first
    if how == "size":
        mask = first[:-2]
    if how == "id" and name == "00003":
        mask = first * 7
    if how == "soft":
        mask = np.linspace(0, 255, first.size).reshape(first.shape).astype(np.uint8)
    if how == "white":
        mask = (first > 0).astype(np.uint8) * 255
    if how == "jpeg":
        Image.fromarray(mask).save(folder / f"{name}.jpg")
    elif how == "elsewhere":
        (out.parent / "there").mkdir(exist_ok=True)
        Image.fromarray(mask).save(out.parent / "there" / f"{name}.png")
    elif how == "objects":
        for path in sorted(masks.glob("*/00000.png")):
            (out / path.parent.name).mkdir(exist_ok=True)
            Image.open(path).save(out / path.parent.name / f"{name}.png")
    elif how != "nothing":
        Image.fromarray(mask).save(folder / f"{name}.png")
if how in ("deep", "two", "named"):
    (out / "a").mkdir()
    Image.fromarray(first).save(out / "a" / "00000.png")
if how == "two":
    (out / "b").mkdir()
    for path in out.glob("*.png"):
        path.rename(out / "b" / path.name)
if how == "zip":
    with zipfile.ZipFile(out / "masks.zip", "w") as archive:
        for path in out.glob("*.png"):
            archive.write(path, f"video/{path.name}")
            path.unlink()

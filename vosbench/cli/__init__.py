"""The command line `vosbench`: one file per command."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from vosbench.errors import VosbenchError, described, line_of, needing
from vosbench.provenance import VERSION

WORDS = "Run video object segmentation methods on datasets, score them and compare them."
# in the order of --help; each is a function, or the Typer of a group, in the file of its name
COMMANDS = (
    "run", "evaluate", "explain", "pack", "compare", "analyse", "report", "show", "segment",
    "inspect", "train", "convert", "suite", "list", "data",
)  # fmt: skip
FILES = {"list": ("list_", "list_plugins")}
COMPLETE = "_VOSBENCH_COMPLETE"  # in the environment, a shell asks what may come next
PLAIN = "evaluate"  # what scripts call for each checkpoint, so that its start-up counts


def application(only: str = "") -> typer.Typer:
    """The command line; with `only` one command of it, so that no other is imported."""
    made = typer.Typer(
        help=WORDS,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback(invoke_without_command=True)(version)
    for name in (only,) if only in COMMANDS else COMMANDS:
        file, member = FILES.get(name, (name, name))
        command = getattr(import_module(f"vosbench.cli.{file}"), member)
        if isinstance(command, typer.Typer):
            made.add_typer(command, name=name)
        else:
            made.command(name=name)(command)
    return made


def version(
    show: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    """Run video object segmentation methods on datasets, score them and compare them."""
    if show:
        typer.echo(f"vosbench {VERSION}")
        raise typer.Exit


def main() -> Any:
    """Run a command; an error that the user can fix becomes one message and exit status 1."""
    atexit.register(gc.freeze)  # or the end looks through all that was imported: 0.05 s
    if isinstance(
        sys.stdout, TextIOWrapper
    ):  # as Python does it for stderr: names may be any bytes
        with contextlib.suppress(OSError):  # it is closed
            sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with needing("this command"), _exits_told(), _no_child_left():
            _command()
    except VosbenchError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        typer.echo(
            f"error: {error}; make room or fix the folder, then give the same command again",
            err=True,
        )
        sys.exit(1)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or not (line := line_of(error)):
            raise
        typer.echo(f"error: a plugin {described(error)}{line}", err=True)
        sys.exit(1)


def _command() -> None:
    """Run the command that was given, a plain line at once and all others by Typer."""
    name, *words = sys.argv[1:] or [""]
    if name == PLAIN and COMPLETE not in os.environ:
        gc.set_threshold(100_000)  # many small tuples, no circles: looking for them took a tenth
        from vosbench.cli.plain import arguments

        command = getattr(import_module(f"vosbench.cli.{name}"), name)
        if (given := arguments(command, words)) is not None:
            try:
                command(**given)
            except KeyboardInterrupt:
                sys.exit(130)  # as Typer has it
            sys.exit()
    application(name)()


@contextlib.contextmanager
def _exits_told() -> Iterator[None]:
    """Let a plugin's `os._exit` be told like its `sys.exit`, not end this process in silence."""
    leave, process = os._exit, os.getpid()

    def leaving(status: int) -> None:
        if os.getpid() == process:
            raise SystemExit(status)
        leave(status)

    os._exit = leaving  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


@contextlib.contextmanager
def _no_child_left() -> Iterator[None]:
    """End the processes that plugins began here and left running; on Linux, which lists them."""
    before = _children()
    try:
        yield
    finally:
        for child in _children() - before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)


def _children() -> set[int]:
    found: set[int] = set()
    for listed in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.update(map(int, listed.read_text(encoding="ascii").split()))
    return found

"""The command line `vosbench`: one file per command."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from vosbench.cli import (
    analyse,
    compare,
    convert,
    data,
    evaluate,
    explain,
    inspect,
    list_,
    pack,
    report,
    run,
    suite,
    train,
)
from vosbench.errors import VosbenchError, described, line_of, needing
from vosbench.provenance import VERSION

app = typer.Typer(
    help="Run video object segmentation methods on datasets, score them and compare them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    """Run video object segmentation methods on datasets, score them and compare them."""
    if show:
        typer.echo(f"vosbench {VERSION}")
        raise typer.Exit


app.command()(run.run)
app.command()(evaluate.evaluate)
app.command()(explain.explain)
app.command()(compare.compare)
app.command()(analyse.analyse)
app.command()(report.report)
app.command()(pack.pack)
app.command()(inspect.inspect)
app.command()(train.train)
app.command()(convert.convert)
app.command()(suite.suite)
app.command(name="list")(list_.list_plugins)
app.add_typer(data.data, name="data")


def main() -> Any:
    """Run a command; an error that the user can fix becomes one message and exit status 1."""
    if not faulthandler.is_enabled():
        faulthandler.enable(2)  # a crash in a plugin's C code says on stderr where it was
    try:
        with needing("this command"), _exits_told(), _no_child_left():
            app()
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

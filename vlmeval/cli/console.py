"""What every verb prints with: results on stdout (text or one JSON object), everything else on stderr.

``guarded`` turns the errors of `vlmeval.errors` into a message and their exit code; only a bug shows a traceback.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from contextvars import ContextVar
from typing import Any, ParamSpec, TextIO, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from vlmeval.errors import VlmevalError
from vlmeval.progress import Progress as ProgressCallback
from vlmeval.progress import silent

KEPT = "\n\u200c\u200d"
"""Line ends, and the joiners that scripts and emoji need."""
P = ParamSpec("P")
R = TypeVar("R")
INTERRUPTED = 130
PATIENCE_SECONDS = 2.0
_results: ContextVar[TextIO | None] = ContextVar("results", default=None)
"""Where JSON goes while a verb runs with ``--json``; `sys.stdout` is stderr meanwhile, whatever a library prints."""


def out() -> Console:
    """Console on stdout: coloured on a terminal, plain and unwrapped elsewhere."""
    return _console(stderr=False)


def err() -> Console:
    """Console on stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # No emoji codes: `:bug:` in somebody's path is meant as it stands.
    console = Console(stderr=stderr, highlight=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, emoji=False, width=10_000, no_color=True, soft_wrap=True)
    return console


def print_json(value: Any) -> None:
    """Print one JSON object on stdout; as ASCII where the terminal or pipe is not UTF-8."""
    stream = _results.get() or sys.stdout
    ascii_only = (stream.encoding or "").lower().replace("-", "") != "utf8"
    stream.write(json.dumps(value, ensure_ascii=ascii_only, indent=2, allow_nan=False) + "\n")
    stream.flush()


def table(
    title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]], *, whole: Sequence[str] = ()
) -> None:
    """Print a table; columns that hold only numbers are aligned to the right, those in ``whole`` are never wrapped."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for k, column in enumerate(columns):
        numeric = all(_is_number(row[k]) for row in cells)
        grid.add_column(
            column, justify="right" if numeric and cells else "left", overflow="fold", no_wrap=column in whole
        )
    for row in cells:
        grid.add_row(*(plain(cell) for cell in row))
    out().print(grid)


def plain(text: str) -> str:
    """Return a text as it is to be read: no markup, and nothing in it that would steer the terminal."""
    steers = (c for c in set(text) if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in KEPT)
    return escape(text.translate(dict.fromkeys(map(ord, steers), "\ufffd")))


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("%", "").replace("-", "").strip().isdigit() or text == ""


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Wrap a verb: expected errors become a message (JSON with ``--json``) and their exit code, Ctrl-C becomes 130."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        as_json = bool(kwargs.get("json_output"))
        try:
            with _json_only() if as_json else nullcontext():
                result = command(*args, **kwargs)
            sys.stdout.flush()
        except VlmevalError as error:
            show_error(error, as_json=as_json)
            raise typer.Exit(error.exit_code) from error
        except (KeyboardInterrupt, typer.Abort) as error:
            # Abort: a question was answered with no, or there was nobody to answer it
            declined = isinstance(error, typer.Abort)
            show_stop(
                "nothing was done; --yes answers the question beforehand"
                if declined
                else "interrupted; what was embedded stays in the cache",
                as_json,
            )
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:
            # The reader went away: nothing more to say, and no complaint from the interpreter when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from error
        return result

    return wrapped


@contextmanager
def _json_only() -> Iterator[None]:
    before = _results.set(_results.get() or sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _results.reset(before)


def show_error(error: VlmevalError, *, as_json: bool) -> None:
    """Print an expected error."""
    if as_json:
        print_json(error.as_dict())
        return
    first, _, rest = str(error).partition("\n")
    console = err()
    console.print(f"[bold red]error:[/] {plain(first)}")
    if rest:
        console.print(plain(rest))


def show_stop(message: str, as_json: bool) -> None:
    """Say that a person stopped the verb."""
    if as_json:
        print_json({"error": "Interrupted", "message": message, "exit_code": INTERRUPTED})
    else:
        err().print(message)


def confirm(question: str) -> None:
    """Ask on stderr, so that stdout stays clean; raises typer.Abort unless the answer is yes."""
    err().print(plain(f"{question} [y/N] "), end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise typer.Abort


@contextmanager
def progress_bars() -> Iterator[ProgressCallback]:
    """Give a progress callback: bars on a terminal for whatever takes over two seconds, nothing elsewhere."""
    console = err()
    if not console.is_terminal:
        yield silent
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Bars(bars)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        started = self._started.setdefault(stage, time.monotonic())
        if stage not in self._tasks:
            if time.monotonic() - started < PATIENCE_SECONDS:
                return
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)

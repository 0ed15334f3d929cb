"""`vlmeval cache info|clear|verify`: the embeddings and fits that are kept between runs."""

from __future__ import annotations

from typing import Annotated

import typer

from vlmeval.cli import console
from vlmeval.cli.options import CacheDir, Json


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    about = "Look after what is kept between runs: embeddings, and results of fits."
    group = typer.Typer(help=about, no_args_is_help=True, pretty_exceptions_enable=False)
    group.command("info", epilog="Example: vlmeval cache info")(info)
    group.command("clear", epilog="Example: vlmeval cache clear --older-days 30")(clear)
    group.command("verify", epilog="Example: vlmeval cache verify")(verify)
    app.add_typer(group, name="cache")


@console.guarded
def info(cache: CacheDir = None, json_output: Json = False) -> None:
    """Say what the cache holds, encoder by encoder, and how much of fits."""
    from vlmeval.embed import Cache
    from vlmeval.methods.kept import Kept

    store = Cache(cache)
    drawers = store.info()
    entries, size = Kept(store.root).size()
    if json_output:
        fits = {"entries": entries, "bytes": size}
        console.print_json({"root": str(store.root), "drawers": [drawer.as_dict() for drawer in drawers], "fits": fits})
        return
    rows = [(d.kind, d.spec, d.dtype, d.dim, d.vectors, d.shards, megabytes(d.bytes), d.key[:12]) for d in drawers]
    console.table(None, ["kind", "model", "dtype", "d", "vectors", "shards", "size", "key"], rows)
    if entries:
        console.out().print(f"results of fits: {entries} entries, {megabytes(size)}", markup=False)
    console.out().print(f"{store.root}: {megabytes(sum(d.bytes for d in drawers) + size)}", markup=False)


@console.guarded
def clear(
    encoder: Annotated[str | None, typer.Option(help="Only this model, or this beginning of a key.")] = None,
    older_days: Annotated[float | None, typer.Option(min=0, help="Only what was not used for so many days.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    cache: CacheDir = None,
    json_output: Json = False,
) -> None:
    """Delete embeddings and, unless only some are meant, results of fits; what a run is writing to is left alone."""
    from vlmeval.embed import Cache
    from vlmeval.methods.kept import Kept

    store = Cache(cache)
    everything = encoder is None and older_days is None
    if not yes:
        console.confirm(f"Delete embeddings{' and fits' if everything else ''} in {store.root}?")
    cleared = store.clear(encoder=encoder, older_days=older_days)
    entries, size = Kept(store.root).clear() if everything else (0, 0)
    if json_output:
        fits = {"entries": entries, "bytes": size}
        drawers = [drawer.as_dict() for drawer in cleared]
        console.print_json({"root": str(store.root), "cleared": drawers, "fits": fits})
        return
    deleted = f"deleted {sum(d.vectors for d in cleared)} vectors, {megabytes(sum(d.bytes for d in cleared))}"
    console.out().print(deleted + (f"; {entries} results of fits, {megabytes(size)}" if entries else ""))


@console.guarded
def verify(cache: CacheDir = None, json_output: Json = False) -> None:
    """Check every file of the cache against its checksum; damaged ones are set aside and computed anew when needed."""
    from vlmeval.embed import Cache

    found = Cache(cache).verify()
    if json_output:
        console.print_json(found.as_dict())
    else:
        out = console.out()
        out.print(f"{found.shards} shards, {found.vectors} vectors, {megabytes(found.bytes)}")
        for path, reason in found.damaged.items():
            out.print(f"damaged: {path}: {reason}", markup=False)
    if found.damaged:
        raise typer.Exit(3)


def megabytes(count: int) -> str:
    """Return a size a person can read."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"

"""`vlmeval data convert|export`: embeddings in files, from anybody's to ours and from a model to anybody."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlmeval.cli import console
from vlmeval.cli.options import CacheDir, Data, DataRoots, Json
from vlmeval.cli.run import DType

if TYPE_CHECKING:
    from vlmeval.encoders.protocol import Joined

SHOWN = 5
CONVERT = """
Examples:

  vlmeval data convert published.npz -o medsiglip.npz --made-by medsiglip-448 --bench scin@notebook

  vlmeval data convert embeddings.npz -o plain.parquet --ids paths --vectors features
"""
EXPORT = """
Examples:

  vlmeval data export ham10000 --model clip-vit-l14 -o ham10000-clip.npz

  vlmeval data export scin --model medsiglip-448 -o scin-medsiglip.parquet --data ~/scin

Read it again with: vlmeval run --model embeddings:ham10000-clip.npz::clip-vit-l14 --bench ham10000
"""
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write: FILE.npz or FILE.parquet.")]


def add_to(group: typer.Typer) -> None:
    """Add the verbs to the group `vlmeval data`."""
    group.command("convert", epilog=CONVERT)(convert)
    group.command("export", epilog=EXPORT)(export)


@console.guarded
def convert(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An npz or npy file of embeddings in any layout.")],
    out: Out,
    bench: Annotated[str | None, typer.Option("--bench", "--benchmark", "-b", help="Also say how many of this "
                     "benchmark's samples have a vector.")] = None,
    ids: Annotated[str | None, typer.Option(help="Key of the array of names, where the layout does not say.")] = None,
    vectors: Annotated[str | None, typer.Option(help="Key of the array of vectors; KEY:COLUMN for a column.")] = None,
    made_by: Annotated[str | None, typer.Option(help="Model that made the vectors, as for vlmeval run: reports then "
                       "say what is known of its training data and licence.")] = None,
    drop_bad: Annotated[bool, typer.Option("--drop-bad", help="Leave vectors with NaN or infinity out.")] = False,
    data: Data = None,
    data_root: DataRoots = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Convert embeddings to the plain format that embeddings:FILE reads.

    Object arrays are read without unpickling: arrays, numbers and strings pass, anything else is refused by name.
    """
    from vlmeval.catalog import load_catalog
    from vlmeval.encoders.given.convert import convert as convert_file
    from vlmeval.encoders.resolve import resolve

    if made_by is not None:
        resolve(made_by, load_catalog(data_root or []))  # a name that nobody knows is no use in the file
    samples = None if bench is None else _samples(bench, data, data_root)
    done = convert_file(source, out, ids=ids, vectors=vectors, drop=drop_bad, model=made_by)
    if not json_output:
        rows = {key.replace("_", " "): value for key, value in done.as_dict().items() if key != "dropped"}
        console.table(None, ["what", "value"], [*rows.items(), ("dropped", len(done.dropped))])
        _name_some("dropped, as not finite", done.dropped)
    joined = None
    if samples is not None:
        from vlmeval.embed.precomputed import join_file

        joined = join_file(out, samples)
    if json_output:
        console.print_json({**done.as_dict(), "joined": None if joined is None else _as_dict(joined)})
    elif joined is not None:
        console.table(f"\n{bench}", ["what", "count"], [("samples", len(joined.found)), *joined.account.items()])
        _name_some("samples without vector", joined.missing)
        _name_some("vectors without sample", joined.unused)


@console.guarded
def export(
    bench: Annotated[str, typer.Argument(help="Benchmark id.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Whose vectors; as for vlmeval run.")],
    out: Out,
    pooled: Annotated[bool, typer.Option("--pooled", help="The vectors before the projection into the space shared "
                      "with text.")] = False,
    data: Data = None,
    data_root: DataRoots = None,
    cache: CacheDir = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    dtype: Annotated[DType, typer.Option(help="auto: bfloat16 on GPUs that have it, float32 on the CPU.")] = DType.auto,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pictures a forward pass.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that decode pictures.")] = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Write a model's vectors of a benchmark's pictures to a file; what a run has computed is not computed again."""
    from vlmeval.catalog import load_catalog
    from vlmeval.embed import Cache, EmbedOptions
    from vlmeval.embed.export import export as export_vectors
    from vlmeval.encoders.resolve import resolve

    options = EmbedOptions(device=device, dtype=dtype.value, batch_size=batch_size, workers=workers, pooled=pooled)
    handle = resolve(model, load_catalog(data_root or []))
    samples = _samples(bench, data, data_root)
    with console.progress_bars() as progress:
        done = export_vectors(handle, samples, out, cache=Cache(cache), options=options, progress=progress)
    if json_output:
        console.print_json(done.as_dict())
        return
    facts = {key: value for key, value in done.as_dict().items() if key != "unreadable"}
    console.table(None, ["what", "value"], [*facts.items(), ("unreadable", len(done.unreadable))])
    _name_some("unreadable", [f"{sample}: {reason}" for sample, reason in done.unreadable.items()])


def _samples(bench: str, data: Path | None, data_root: list[Path] | None) -> Any:
    from vlmeval.catalog import load_catalog
    from vlmeval.data import load_samples

    with console.progress_bars() as progress:
        return load_samples(load_catalog(data_root or []).benchmark(bench), data, progress)


def _as_dict(joined: Joined) -> dict[str, Any]:
    return {"account": joined.account, "missing": list(joined.missing), "unused": list(joined.unused)}


def _name_some(what: str, names: Sequence[str]) -> None:
    """Print the first of some names on stderr."""
    if names:
        more = f", ... and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        console.err().print(f"{what}: {', '.join(names[:SHOWN])}{more}", markup=False)

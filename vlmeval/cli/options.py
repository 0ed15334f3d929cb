"""The options that several verbs share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, everything else on stderr.")]
DataRoots = Annotated[
    list[Path] | None,
    typer.Option(
        "--data-root",
        help="A folder with your own benchmarks/, prompts/, models/ or contamination.yaml. May be repeated.",
    ),
]
Data = Annotated[
    Path | None,
    typer.Option("--data", help="The folder that holds the benchmark's data (default: in the data home)."),
]
Runs = Annotated[Path, typer.Option("--out", help="Folder that runs are written to.")]
Cross = Annotated[
    list[str] | None,
    typer.Option("--cross", help="Two groups to report crossed, e.g. fst-self:age. May be repeated."),
]
EstimateTone = Annotated[
    bool,
    typer.Option("--estimate-tone", help="Add a skin-tone group estimated from the pictures: crude, marked as such."),
]
CacheDir = Annotated[Path | None, typer.Option("--cache", help="Folder of the embedding cache.")]
ShowGallery = Annotated[
    bool,
    typer.Option(
        "--gallery", help="Put thumbnails of the cases shown into the report, where the data's terms allow it."
    ),
]

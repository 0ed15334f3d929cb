"""`vlmeval prompts compare`: prompt sets with the same model on the same pictures, told apart with error bars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlmeval.cli import console
from vlmeval.cli.options import CacheDir, Data, DataRoots, Json
from vlmeval.cli.run import DType, Split
from vlmeval.errors import UsageError

if TYPE_CHECKING:
    from vlmeval.records.prompt_study import PromptComparison
    from vlmeval.workbench.study import Asked

PAGE = Path("prompts.html")
EXAMPLE = """
Examples:

  vlmeval prompts compare --model clip-demo --bench derm-demo --prompts all

  vlmeval prompts compare --model medsiglip-448 --bench scin --prompts scin/names --prompts mine/short -o mine.html

  vlmeval prompts compare --model clip-vit-b32 --model clip-vit-l14 --bench ham10000 --data ~/ham10000 --json
"""


def register(group: typer.Typer) -> None:
    """Add the verb to the group of verbs on prompt sets."""
    group.command("compare", epilog=EXAMPLE)(compare)


@console.guarded
def compare(
    model: Annotated[list[str], typer.Option("--model", "-m", help="Model alias, hf:ORG/NAME, open_clip:ARCH/TAG, "
                     "hf-hub:ORG/NAME, a local folder, or embeddings:FILE. May be repeated.")],
    bench: Annotated[list[str], typer.Option("--bench", "-b", help="Benchmark id. May be repeated.")],
    prompts: Annotated[list[str] | None, typer.Option(help="Prompt set id, or all: every set of the benchmark that "
                       "suits it and the model. May be repeated. Default: all.")] = None,
    output: Annotated[Path | None, typer.Option("-o", help=f"The page to write; default: {PAGE}.")] = None,
    data: Data = None,
    data_root: DataRoots = None,
    cache: CacheDir = None,
    level: Annotated[str | None, typer.Option(help="Rows to compare: image or unit; default: the benchmark's.")] = None,
    split: Annotated[Split, typer.Option(help="Rows to evaluate.")] = Split.test,
    draws: Annotated[int, typer.Option(min=0, help="Bootstrap draws.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap, of drawn wordings and of shuffles.")] = 0,
    shuffles: Annotated[int | None, typer.Option(min=0, help="How often the words of every prompt are shuffled; each "
                        "time all strings are encoded once more. 0: no look at word order. Default: 5, fewer where "
                        "there are thousands of strings.")] = None,
    singles: Annotated[int, typer.Option(min=1, help="At most so many wordings of one prompt, or one name, a class.")]
    = 200,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many units: a quick look, marked as such.")] = None,
    max_missing: Annotated[float, typer.Option(min=0, max=1, help="Largest share of unreadable pictures.")] = 0.01,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    dtype: Annotated[DType, typer.Option(help="auto: bfloat16 on GPUs that have it, float32 on the CPU.")] = DType.auto,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pictures a forward pass.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that decode pictures.")] = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Compare prompt sets: which wording is better, for whom, and how much hangs on a single phrase.

    Pictures are embedded once for all sets; a changed prompt costs text encoding only. Every pair of sets gets its
    paired difference with an interval (cluster bootstrap) that holds for all pairs at once; a rank is one more than the
    number of sets that are clearly better. The benchmark's own choice is always among the sets, and the others are
    measured against it by class and by skin tone.
    """
    from vlmeval.catalog import load_catalog
    from vlmeval.embed import EmbedOptions
    from vlmeval.workbench.study import Asked, Folders, compare_prompts

    if data is not None and len(set(bench)) > 1:
        raise UsageError("--data goes with one --bench", hint="give each benchmark a call of its own, or fill the data "
                         "home (vlmeval doctor says where it is)")  # fmt: skip
    if level not in (None, "image", "unit"):
        raise UsageError("unknown level", key="--level", expected="image or unit", found=level)
    asked = Asked(
        models=tuple(model), benchmarks=tuple(bench), prompts=tuple(prompts or ("all",)),
        level=level, split=split.value, draws=draws, seed=seed, shuffles=shuffles, singles=singles,  # type: ignore[arg-type]
        limit=limit, max_missing=max_missing, dtype=dtype.value,
    )  # fmt: skip
    options = EmbedOptions(device=device, dtype=dtype.value, batch_size=batch_size, workers=workers)
    with console.progress_bars() as progress:
        found = compare_prompts(
            asked, load_catalog(data_root or []), Folders(data, cache), options=options, progress=progress
        )
    found = found.model_copy(update={"command": _command(asked)})
    page = None if json_output and output is None else output or PAGE
    if page is not None:
        write_page(found, page)
    if json_output:
        where = {} if page is None else {"page": str(page)}
        console.print_json({"prompt_comparison": found.model_dump(mode="json"), **where})
        return
    from vlmeval.cli.prompts_compared import show

    show(found)
    console.out().print(f"page: {page}", markup=False)


def write_page(found: PromptComparison, target: Path) -> None:
    """Write the comparison as a page, and beside it the page that it links to: how everything is computed."""
    from vlmeval import store
    from vlmeval.atomic import write_text
    from vlmeval.report import HOW_FILE, build_prompts, how_page, render_prompts

    with store.writing(target, "name a file that can be written: -o FILE"):
        write_text(target, render_prompts(build_prompts(found)))
        write_text(target.with_name(HOW_FILE), how_page())


def _command(asked: Asked) -> str:
    """Return the call that makes the same comparison, but for folders and machine."""
    import shlex

    plain = type(asked)(models=asked.models, benchmarks=asked.benchmarks)
    named = [("--model", asked.models), ("--bench", asked.benchmarks), ("--prompts", asked.prompts)]
    words = [word for option, values in named for value in values for word in (option, value)]
    for name in ("level", "split", "draws", "seed", "shuffles", "singles", "limit", "max_missing", "dtype"):
        value = getattr(asked, name)
        if value != getattr(plain, name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(["vlmeval", "prompts", "compare", *words])

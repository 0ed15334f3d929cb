"""The catalog: every benchmark card, prompt set and model card that can be named, found by listing folders.

A file's place gives its id (`benchmarks/<id>/benchmark.yaml`, `prompts/<family>/<name>.yaml`, `<id>.yaml` for models),
so listing needs no parsing; a card is read, validated and kept when it is first asked for. Folders given with
``--data-root`` are searched beside the shipped ones; the same id twice is an error. What is known of models' training
data stands in `benchmarks/contamination.yaml`, and in `contamination.yaml` of a data root, which is believed first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from vlmeval.catalog.expand import expand_prompts
from vlmeval.catalog.register import FILE, Register
from vlmeval.catalog.yamlfile import YamlFile, read_yaml, validate
from vlmeval.errors import CatalogError, UnknownNameError, UsageError
from vlmeval.records import Benchmark, ModelCard, PromptSet, Wording
from vlmeval.resources import data_folder, model_cards_folder

C = TypeVar("C", Benchmark, ModelCard, PromptSet)


class Shelf(Mapping[str, C], Generic[C]):
    """Cards of one kind by id; read on first use."""

    def __init__(self, kind: str, record: type[C], paths: Mapping[str, Path]) -> None:
        self.kind = kind
        self._record: type[C] = record
        self._paths = dict(sorted(paths.items()))
        self._cards: dict[str, C] = {}

    def __getitem__(self, card_id: str) -> C:
        if card_id not in self._cards:
            path = self.path(card_id)
            card = validate(self._record, _with_parent(self, read_yaml(path), (card_id,)))
            if card.id != card_id:
                raise CatalogError(
                    "the card's id does not fit its place", file=path, key="id", expected=card_id, found=card.id
                )
            self._cards[card_id] = card
        return self._cards[card_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __contains__(self, card_id: object) -> bool:
        return card_id in self._paths  # without reading the card

    def _hint(self) -> str:
        return f"see: vlmeval list {self.kind}s; cards of your own are known where their folder is: --data-root FOLDER"

    def path(self, card_id: str) -> Path:
        """Return the file of a card; raises UnknownNameError with the nearest known ids."""
        if card_id not in self._paths:
            raise UnknownNameError(self.kind, card_id, self._paths, hint=self._hint())
        return self._paths[card_id]


class Catalog:
    """All cards by kind. Make one with :func:`load_catalog`."""

    def __init__(
        self,
        benchmarks: Mapping[str, Path],
        prompt_sets: Mapping[str, Path],
        model_cards: Mapping[str, Path],
        registers: Sequence[Path] = (),
    ) -> None:
        self.benchmarks = Shelf("benchmark", Benchmark, benchmarks)
        self.prompt_sets = Shelf("prompt", PromptSet, prompt_sets)
        self.model_cards = Shelf("model", ModelCard, model_cards)
        self._registers = tuple(registers)

    @cached_property
    def contamination(self) -> Register:
        """The register of what models were trained on; read on first use (CatalogError)."""
        return Register.read(self._registers)

    def benchmark(self, card_id: str) -> Benchmark:
        """Return a benchmark card (UnknownNameError, CatalogError)."""
        return self.benchmarks[card_id]

    def expand(self, prompt_set_id: str, benchmark: Benchmark) -> Wording:
        """Return the strings of a prompt set for a benchmark, as `expand_prompts` does.

        Raises
        ------
        UnknownNameError, CatalogError
            No such set, or one that does not fit the benchmark: with its file and line.
        """
        prompt_set = self.prompt_set(prompt_set_id)
        try:
            return expand_prompts(prompt_set, benchmark, self.prompt_sets)
        except CatalogError as error:
            file = read_yaml(self.prompt_sets.path(prompt_set_id))
            error.file, error.line = str(file.path), file.line_of(_key_path(error.key or ""))
            raise

    def prompt_sets_for(self, benchmark: Benchmark) -> tuple[str, ...]:
        """Return the ids of all prompt sets of a benchmark: its card's own first, then those that name it."""
        own = (benchmark.prompts.default, *benchmark.prompts.compare)
        written = (set_id for set_id, card in self.prompt_sets.items() if written_for(card, benchmark))
        return tuple(dict.fromkeys((*own, *written)))

    def prompt_set(self, card_id: str) -> PromptSet:
        """Return a prompt set (UnknownNameError, CatalogError)."""
        return self.prompt_sets[card_id]

    def model_card(self, card_id: str) -> ModelCard:
        """Return a model card (UnknownNameError, CatalogError)."""
        return self.model_cards[card_id]


def written_for(prompt_set: PromptSet, benchmark: Benchmark) -> bool:
    """Whether a set names a benchmark or the family before its ``@``; no negatives for a single-label relative."""
    if benchmark.id in prompt_set.benchmarks:
        return True
    fits = benchmark.task == "multi-label" or not prompt_set.negatives
    return fits and benchmark.id.partition("@")[0] in prompt_set.benchmarks


def load_catalog(data_roots: Sequence[Path] = ()) -> Catalog:
    """Return the catalog of the shipped cards and those in ``data_roots``.

    A data root has any of the folders `benchmarks/`, `prompts/` and `models/`, laid out as the shipped ones, and the
    file `contamination.yaml`, whose entries replace earlier ones.

    Raises
    ------
    UsageError
        A data root is not a folder, or holds none of the four.
    CatalogError
        An id stands in two places.
    """
    benchmarks = _index(data_folder("benchmarks"), "*/benchmark.yaml", {})
    prompts = _index(data_folder("prompts"), "*/*.yaml", {})
    models = _index(model_cards_folder(), "*.yaml", {})
    registers = [data_folder("benchmarks") / FILE]
    for root in dict.fromkeys(data_roots):
        _check_root(root)
        benchmarks = _index(root / "benchmarks", "*/benchmark.yaml", benchmarks)
        prompts = _index(root / "prompts", "*/*.yaml", prompts)
        models = _index(root / "models", "*.yaml", models)
        registers += [root / FILE] if (root / FILE).is_file() else []
    return Catalog(benchmarks, prompts, models, registers)


def _key_path(key: str) -> tuple[str | int, ...]:
    """Return a dotted key as the path that lines are known by: ``includes[1]`` is the second of a list."""
    parts = key.replace("[", ".").replace("]", "").split(".")
    return tuple(int(part) if part.isdigit() else part for part in parts)


def _check_root(root: Path) -> None:
    folders = ("benchmarks", "prompts", "models")
    if not any((root / name).is_dir() for name in folders) and not (root / FILE).is_file():
        expected = f"a folder with benchmarks/, prompts/, models/ or {FILE} in it"
        raise UsageError("the data root holds no cards", file=root, expected=expected)


def _index(folder: Path, pattern: str, known: Mapping[str, Path]) -> dict[str, Path]:
    found = dict(known)
    for path in sorted(folder.glob(pattern)):
        card_id = _id_of(path, folder)
        if card_id in found:
            raise CatalogError(
                f"the id {card_id!r} stands in two places",
                file=path,
                found=f"also in {found[card_id]}",
                hint="give your own card another id (its folder or file name, and its 'id' key)",
            )
        found[card_id] = path
    return found


def _id_of(path: Path, folder: Path) -> str:
    relative = path.relative_to(folder)
    return relative.parent.as_posix() if path.name == "benchmark.yaml" else relative.with_suffix("").as_posix()


def _with_parent(shelf: Shelf[C], file: YamlFile, chain: tuple[str, ...]) -> YamlFile:
    """Lay a benchmark card that ``extends`` another over it: its top-level keys replace the parent's."""
    if shelf.kind != "benchmark" or "extends" not in file.values:
        return file
    parent_id = str(file.values["extends"])
    line = file.line_of(("extends",))
    if parent_id in chain:
        raise CatalogError("cards extend each other in a ring", file=file.path, line=line, key="extends")
    if parent_id not in shelf:
        raise CatalogError(
            "the card to extend is not known", file=file.path, line=line, key="extends", found=repr(parent_id)
        )
    parent = _with_parent(shelf, read_yaml(shelf.path(parent_id)), (*chain, parent_id))
    validate(Benchmark, parent)  # what is wrong in the parent is told of the parent's file
    values = {**parent.values, **file.values}
    del values["extends"]
    return YamlFile(file.path, values, file.lines)

"""Copy a Hugging Face image data set into a data folder once: pictures by content, and a table of the rest.

Comes in: which data set (`HubSource`) and a folder. Goes out, in that folder: ``images/<sha256>.<ending>`` with the
very bytes of the data set, ``rows-<digest>.csv`` with every plain column, and ``rows-<digest>.json``, written last:
with it the copy is complete and the ``datasets`` library is not needed again.

Looked for in this order: a copy made before; ``<folder>/<local>`` (saved by ``save_to_disk``, or downloaded files such
as parquet); the hub. No code of a data set is ever run: the ``datasets`` library has no such thing from version 4 on.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from vlmeval.atomic import write_bytes, write_text
from vlmeval.data.parquetfile import cell_text
from vlmeval.data.safepath import inside
from vlmeval.errors import DataError, MissingDataError
from vlmeval.progress import Progress, silent
from vlmeval.records import Record, digest_of

PICTURE: Final = "hub_picture"
SPLIT: Final = "hub_split"
ROW: Final = "hub_row"
BATCH: Final = 64

_MAGIC: Final = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG", ".png"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
)


class HubSource(Record):
    """Which data set: a repository at a revision, and the column with its pictures."""

    repo: str
    revision: str | None
    config: str | None
    splits: tuple[str, ...]
    image: str
    local: str


def import_rows(source: HubSource, root: Path, progress: Progress = silent) -> Path:
    """Return the table of the data set's rows, copying the data set into ``root`` first if need be.

    Raises
    ------
    MissingDataError
        The data set is neither in the folder nor to be had from the hub.
    DataError
        It lacks the image column or a split, or names pictures outside its own files.
    """
    import filelock

    name = f"rows-{digest_of(source.model_dump(exclude={'local'}))[:12]}"
    table, note = root / f"{name}.csv", root / f"{name}.json"
    folder = inside(root, source.local)
    if _is_current(table, note, folder):
        return table
    root.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(root / ".hub.lock"):
        if not _is_current(table, note, folder):
            note.unlink(missing_ok=True)
            rows = _copy(source, root, folder, table, progress)
            about = {"source": source.model_dump(), "rows": rows, "local": _fingerprint(folder)}
            write_text(note, json.dumps(about, indent=2) + "\n")
    return table


def _is_current(table: Path, note: Path, folder: Path) -> bool:
    """Whether a complete copy is there, of the local files as they are now (or they are gone)."""
    if not (table.is_file() and note.is_file()):
        return False
    if not folder.is_dir():
        return True
    made_of = json.loads(note.read_text(encoding="utf-8")).get("local")
    return bool(made_of == _fingerprint(folder))


def _fingerprint(folder: Path) -> str | None:
    if not folder.is_dir():
        return None
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    facts = [(p.relative_to(folder).as_posix(), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return digest_of(facts)


def _copy(source: HubSource, root: Path, folder: Path, table: Path, progress: Progress) -> int:
    with tempfile.TemporaryDirectory(dir=root, prefix=".hub-", ignore_cleanup_errors=True) as cache:
        splits = _open(source, folder, Path(cache))
        wanted = _wanted(source, splits)
        total = sum(len(splits[name]) for name in wanted)
        text = io.StringIO(newline="")
        writer: Any = None
        done = 0
        for name in wanted:
            data, plain = _prepare(source, name, splits[name])
            header = [PICTURE, SPLIT, ROW, *plain]
            if writer is None:
                writer = csv.DictWriter(text, header, lineterminator="\n")
                writer.writeheader()
            elif list(writer.fieldnames) != header:
                raise DataError("the splits have different columns", file=source.repo, key=name, found=", ".join(plain))
            for row, cells in enumerate(_rows(data, source, plain)):
                picture = _keep_picture(cells.pop(source.image), root, (folder, Path(cache)), f"{name} row {row}")
                writer.writerow({PICTURE: picture, SPLIT: name, ROW: row, **cells})
                done += 1
                if done % BATCH == 0 or done == total:
                    progress("copying pictures from the data set", done, total)
        write_text(table, text.getvalue())
    return done


def _open(source: HubSource, folder: Path, cache: Path) -> Mapping[str, Any]:
    """Return split name -> datasets.Dataset, from the folder if it is there, else from the hub."""
    import datasets

    shown = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()  # rooms never print
    try:
        if not folder.is_dir():
            opened = datasets.load_dataset(source.repo, name=source.config, revision=source.revision)
        elif any((folder / name).is_file() for name in ("dataset_dict.json", "state.json")):
            opened = datasets.load_from_disk(str(folder))
        else:
            opened = datasets.load_dataset(str(folder), name=source.config, cache_dir=str(cache))
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise _not_there(source, folder, error) from error
    finally:
        if not shown:
            datasets.enable_progress_bars()
    return {"train": opened} if isinstance(opened, datasets.Dataset) else dict(opened)


def _not_there(source: HubSource, folder: Path, error: Exception) -> MissingDataError:
    reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    revision = f" --revision {source.revision}" if source.revision else ""
    return MissingDataError(
        f"the Hugging Face data set {source.repo!r} cannot be opened",
        file=folder if folder.is_dir() else f"https://huggingface.co/datasets/{source.repo}",
        expected="the data set on the hub, or its files in the data folder",
        found=reason,
        hint="on a machine with network access:\n"
        "1. accept the terms on the data set's page, if it asks for that, and log in: hf auth login\n"
        f"2. hf download {source.repo} --repo-type dataset{revision} --local-dir {folder}\n"
        f"3. copy that folder to {folder} here, if it is another machine, and run again",
    )


def _wanted(source: HubSource, splits: Mapping[str, Any]) -> tuple[str, ...]:
    for name in source.splits:
        if name not in splits:
            found = ", ".join(splits)
            raise DataError(f"the data set has no split {name!r}", file=source.repo, key="splits", found=found)
    return source.splits or tuple(splits)


def _prepare(source: HubSource, split: str, data: Any) -> tuple[Any, list[str]]:
    """Return the data with undecoded pictures, and the names of its plain columns."""
    import datasets

    features = data.features
    if source.image not in features:
        raise DataError(
            "the data set has no such image column",
            file=source.repo,
            key=split,
            expected=f"column {source.image!r}",
            found="columns: " + ", ".join(features),
            hint="name it in data.options.image",
        )
    plain = [name for name, feature in features.items() if name != source.image and _is_plain(feature)]
    data = data.select_columns([source.image, *plain])
    try:
        return data.cast_column(source.image, datasets.Image(decode=False)), plain
    except (TypeError, ValueError, NotImplementedError) as error:
        found = str(features[source.image])
        raise DataError(
            "the column holds no pictures", file=source.repo, key=source.image, expected="Image", found=found
        ) from error


def _is_plain(feature: Any) -> bool:
    """Text, numbers, class names, and lists of these; not pictures, sounds or structures."""
    import datasets

    inner = feature.feature if isinstance(feature, datasets.features.features.LargeList | datasets.List) else feature
    return isinstance(inner, datasets.Value | datasets.ClassLabel) and getattr(inner, "dtype", "") != "binary"


def _rows(data: Any, source: HubSource, plain: list[str]) -> Iterator[dict[str, Any]]:
    for batch in data.iter(batch_size=BATCH):
        for i, picture in enumerate(batch[source.image]):
            cells = {name: cell_text(_named(data.features[name], batch[name][i])) for name in plain}
            yield {source.image: picture, **cells}


def _named(feature: Any, value: Any) -> Any:
    """Class numbers become class names; a negative one is the hub's way to say there is no label."""
    import datasets

    if isinstance(value, list):
        return [_named(feature.feature, item) for item in value]
    if isinstance(feature, datasets.ClassLabel) and value is not None:
        return feature.int2str(value) if value >= 0 else None
    return value


def _keep_picture(picture: Any, root: Path, allowed: tuple[Path, Path], where: str) -> str:
    """Write the bytes under their SHA-256 and return the file's name."""
    data = None if picture is None else (picture.get("bytes") or _read_own(picture.get("path"), allowed, where))
    if not data:
        raise DataError("a row has no picture", file=root, key=where, expected="bytes or a path", found="nothing")
    name = hashlib.sha256(data).hexdigest() + _ending(data)
    target = root / "images" / name
    if not target.is_file():
        write_bytes(target, data)
    return name


def _read_own(path: str | None, allowed: tuple[Path, Path], where: str) -> bytes | None:
    """Read a picture the data set stores as a file: only among its own files or in the hub's cache."""
    import datasets
    import huggingface_hub.constants

    if path is None:
        return None
    real = Path(path).resolve()
    caches = (Path(datasets.config.HF_DATASETS_CACHE), Path(huggingface_hub.constants.HF_HUB_CACHE))
    if not any(real.is_relative_to(folder.resolve()) for folder in (*allowed, *caches)):
        raise DataError("a picture lies outside the data set", file=path, key=where)
    return real.read_bytes() if real.is_file() else None


def _ending(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((ending for magic, ending in _MAGIC if data.startswith(magic)), ".img")

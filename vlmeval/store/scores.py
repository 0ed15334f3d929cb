"""`predictions.parquet`: truth and scores by sample, of every method, level and seed of a run.

One row a sample, method, level and seed (null for methods without seeds), in one row group a method and level: reading
the methods without seeds passes over the hundreds of fits of a few-shot sweep. Scores are float64; those of seeds are
rounded to float32 before (`as_stored`), and the bytes of the scores are stored apart, so that the empty half of each
number costs nothing. Scores of a class that a method cannot predict are null.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.records import Benchmark, Decision, MethodUsed, Predictions, SeedUsed
from vlmeval.stats.table import lowest_score

KEYS = ("method", "level", "seed")
ROWS_AT_MOST = 1 << 20
"""Of one row group."""


def as_stored(predictions: Predictions) -> Predictions:
    """Return predictions as they will be read back: scores of seeds are rounded to float32, others stay as they are.

    Whoever computes numbers from this has the numbers of the file.
    """
    if predictions.seed is None:
        return predictions
    return replace(predictions, scores=predictions.scores.astype(np.float32).astype(np.float64))


def to_parquet(benchmark: Benchmark, predictions: Sequence[Predictions]) -> bytes:
    """Return the file's bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(benchmark)
    strings = [field.name for field in schema if field.type == pa.string()]
    stream = io.BytesIO()
    with pq.ParquetWriter(
        stream,
        schema,
        compression="zstd",
        use_dictionary=strings,
        column_encoding={f"score:{c}": "BYTE_STREAM_SPLIT" for c in benchmark.class_ids},
    ) as writer:
        for _, same in itertools.groupby(predictions, key=lambda p: (p.method, p.level)):
            tables = [pa.table(_columns(benchmark, as_stored(one)), schema=schema) for one in same]
            writer.write_table(pa.concat_tables(tables), row_group_size=ROWS_AT_MOST)
    return stream.getvalue()


def from_parquet(path: Path, benchmark: Benchmark, methods: Iterable[MethodUsed], *, seeds: bool) -> list[Predictions]:
    """Read the Predictions of the methods, in their order; those of seeds too if asked for, one a seed.

    Raises
    ------
    OSError, pyarrow.ArrowException
        The file cannot be read.
    KeyError, ValueError
        It does not hold what the methods and the card say.
    """
    wanted = [m for m in methods if seeds or not m.seeds]
    rows = _Rows.read(path, benchmark, {m.id for m in wanted})
    return [one for method in wanted for one in _of_method(rows, benchmark, method)]


def _schema(benchmark: Benchmark) -> Any:
    import pyarrow as pa

    fields = [("method", pa.string()), ("level", pa.string()), ("seed", pa.int64())]
    fields += [("id", pa.string()), ("unit", pa.string())]
    fields += [(f"group:{group.id}", pa.string()) for group in benchmark.available_groups]
    for class_id in benchmark.class_ids:
        fields += [(f"true:{class_id}", pa.bool_()), (f"score:{class_id}", pa.float64())]
    facts = json.dumps({"classes": benchmark.class_ids, "groups": [g.id for g in benchmark.groups]})
    return pa.schema(fields, metadata={"vlmeval": facts})


def _columns(benchmark: Benchmark, predictions: Predictions) -> dict[str, Any]:
    import pyarrow as pa

    n = len(predictions)
    columns: dict[str, Any] = {
        "method": np.repeat(predictions.method, n).astype(object),
        "level": np.repeat(predictions.level, n).astype(object),
        "seed": pa.nulls(n, pa.int64()) if predictions.seed is None else np.repeat(np.int64(predictions.seed), n),
        "id": predictions.ids.astype(object),
        "unit": predictions.units.astype(object),
    }
    for group in benchmark.available_groups:
        levels = np.array([level.id for level in group.levels], dtype=object)
        columns[f"group:{group.id}"] = levels[predictions.groups[group.id]]
    for k, class_id in enumerate(benchmark.class_ids):
        columns[f"true:{class_id}"] = predictions.y_true[:, k]
        unscored = class_id in predictions.unscored
        columns[f"score:{class_id}"] = pa.nulls(n, pa.float64()) if unscored else predictions.scores[:, k]
    return columns


@dataclass(frozen=True)
class _Rows:
    """Columns of the file as arrays: strings as codes into their distinct values, scores with NaN for null."""

    strings: Mapping[str, tuple[npt.NDArray[np.intp], list[str]]]
    seed: npt.NDArray[np.float64]
    truth: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]

    @classmethod
    def read(cls, path: Path, benchmark: Benchmark, methods: set[str]) -> _Rows:
        """Read the row groups that may hold rows of these methods."""
        import pyarrow.parquet as pq

        classes = benchmark.class_ids
        names = ["method", "level", "id", "unit", *(f"group:{g.id}" for g in benchmark.available_groups)]
        columns = [*names, "seed", *(f"true:{c}" for c in classes), *(f"score:{c}" for c in classes)]
        with pq.ParquetFile(path, read_dictionary=names) as file:
            lacking = [name for name in columns if name not in file.schema_arrow.names]
            if lacking:
                raise KeyError(lacking[0])
            table = file.read_row_groups(list(_groups_of(file.metadata, methods)), columns=columns)
        table = table.unify_dictionaries()
        return cls(
            strings={name: _codes(table.column(name)) for name in names},
            seed=_floats(table.column("seed")),
            truth=np.stack([_floats(table.column(f"true:{c}")) == 1 for c in classes], axis=1),
            scores=np.stack([_floats(table.column(f"score:{c}")) for c in classes], axis=1),
        )

    def where(self, method: str, level: str) -> npt.NDArray[np.intp]:
        """Row numbers of one method at one level, of all its seeds."""
        found = np.ones(len(self.seed), dtype=bool)
        for name, value in (("method", method), ("level", level)):
            codes, values = self.strings[name]
            found &= codes == (values.index(value) if value in values else -1)
        return np.flatnonzero(found)

    def coded(self, name: str, rows: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], list[str]]:
        """Return a column of strings as codes and distinct values.

        Raises
        ------
        ValueError
            It is null in some row.
        """
        codes, values = self.strings[name]
        if (codes[rows] < 0).any():
            raise ValueError(f"column {name!r} is empty in some rows")
        return codes[rows], values

    def text(self, name: str, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.str_]:
        """Return a column of strings."""
        codes, values = self.coded(name, rows)
        return np.array(values, dtype=np.str_)[codes]


def _groups_of(metadata: Any, methods: set[str]) -> Iterator[int]:
    """Return the row groups that, by their smallest and largest method id, may hold rows of these methods."""
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        first = next(
            column for j in range(group.num_columns) if (column := group.column(j)).path_in_schema == "method"
        ).statistics
        known = first is not None and first.has_min_max
        if not known or any(first.min <= method <= first.max for method in methods):
            yield i


def _codes(column: Any) -> tuple[npt.NDArray[np.intp], list[str]]:
    """Codes and distinct values of a column of strings (of one dictionary in all its chunks); null is code -1."""
    if column.num_chunks == 0:
        return np.zeros(0, dtype=np.intp), []
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return np.concatenate(codes).astype(np.intp), column.chunk(0).dictionary.to_pylist()


def _floats(column: Any) -> npt.NDArray[np.float64]:
    """Numbers, NaN for null."""
    import pyarrow as pa

    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _of_method(rows: _Rows, benchmark: Benchmark, method: MethodUsed) -> Iterator[Predictions]:
    where = rows.where(method.id, method.level)
    seed = rows.seed[where]
    found, recorded = {int(s) for s in seed[~np.isnan(seed)]}, {s.seed for s in method.seeds}
    if found != recorded or (recorded and np.isnan(seed).any()):
        raise ValueError(f"{method.id} at {method.level} level has seeds {sorted(found)}, not {sorted(recorded)}")
    if not len(where):
        raise ValueError(f"no rows of {method.id} at {method.level} level")
    if not method.seeds:
        yield _one(rows, benchmark, method, None, where)
        return
    of_seed = [where[seed == one.seed] for one in method.seeds]
    ids = [np.sort(rows.coded("id", one)[0]) for one in of_seed]
    if not all(np.array_equal(ids[0], other) for other in ids):
        raise ValueError(f"seeds of {method.id} at {method.level} level have different rows")
    for one, own in zip(method.seeds, of_seed, strict=True):
        yield _one(rows, benchmark, method, one, own)


def _one(
    rows: _Rows, benchmark: Benchmark, method: MethodUsed, seed: SeedUsed | None, where: npt.NDArray[np.intp]
) -> Predictions:
    groups = {}
    for group in benchmark.available_groups:
        codes, values = rows.coded(f"group:{group.id}", where)
        code_of = {level.id: code for code, level in enumerate(group.levels)}
        groups[group.id] = np.array([code_of[values[i]] for i in codes.tolist()], dtype=np.int16)
    scores = rows.scores[where]
    null = np.isnan(scores)
    unscored = np.asarray(null.all(axis=0))
    if (null & ~unscored).any():
        raise ValueError(f"scores of {method.id} at {method.level} level are missing in some rows")
    scores[:, unscored] = lowest_score(method.score_kind, scores[:, ~unscored])
    decided = method if seed is None else seed
    return Predictions(
        method=method.id,
        level=method.level,
        ids=rows.text("id", where),
        units=rows.text("unit", where),
        y_true=rows.truth[where],
        scores=scores,
        kind=method.score_kind,
        decision=Decision(method.decision, _thresholds(decided, benchmark, unscored), decided.chosen_on),
        groups=groups,
        scale=method.parameters.get("scale"),
        bias=method.parameters.get("bias"),
        seed=None if seed is None else seed.seed,
        unscored=tuple(c for c, without in zip(benchmark.class_ids, unscored, strict=True) if without),
    )


def _thresholds(
    decided: MethodUsed | SeedUsed, benchmark: Benchmark, unscored: npt.NDArray[np.bool_]
) -> tuple[float, ...] | None:
    """One threshold a class; that of a class without scores is out of reach if the record has none."""
    if decided.thresholds is None:
        return None
    known = {c: np.inf for c, without in zip(benchmark.class_ids, unscored, strict=True) if without}
    known |= decided.thresholds
    return tuple(known[c] for c in benchmark.class_ids)

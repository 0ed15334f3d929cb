"""Make the committed example of a leaderboard anew: `make examples` (minutes; offline).

Everything in it is drawn: the pictures of derm-demo, the small model, versions of its vectors with noise, and readers
that were made up. What comes out is the view (`reports/examples/leaderboard.json`) and the page of it; a test holds the
page against the view. With ``--page`` only the page is made anew, from the view: after a change of the templates.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from vlmeval.report import render_leaderboard

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "reports" / "examples"
BENCH = "derm-demo"
NOISE = {"clip-demo-blurred": 0.35, "clip-demo-dim": 0.8}
READERS = {"made-up reader A": 2.2, "made-up reader B": 1.5, "made-up reader C": 1.4}


def vlmeval(home: Path, *arguments: str) -> None:
    """Run the command in ``home``, so that all paths in records are relative."""
    command = [sys.executable, "-m", "vlmeval", *arguments]
    variables = {
        "VLMEVAL_DATA_HOME": str(home / "data"),
        "VLMEVAL_CACHE_HOME": str(home / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run(command, cwd=home, check=True, env=os.environ | variables, stdout=subprocess.DEVNULL)


def noisy(home: Path, name: str, noise: float) -> None:
    """Write vectors of the model with noise, as a file of embeddings."""
    with np.load(home / "clip-demo.npz") as given:
        arrays = dict(given)
    rng = np.random.default_rng(7)
    key = next(k for k, v in arrays.items() if v.ndim == 2 and v.dtype.kind == "f")
    vectors = arrays[key] / np.linalg.norm(arrays[key], axis=1, keepdims=True)
    shaken = vectors + noise * rng.normal(size=vectors.shape) / np.sqrt(vectors.shape[1])
    arrays[key] = (shaken / np.linalg.norm(shaken, axis=1, keepdims=True)).astype(np.float32)
    np.savez(home / f"{name}.npz", **arrays)


def reader(home: Path, name: str, skill: float, seed: int) -> None:
    """Write predictions of somebody who was made up: right more often the more skilled."""
    run = next((home / "runs" / BENCH / "clip-demo").rglob("predictions.parquet"))
    table = pd.read_parquet(run)
    own = table[(table["method"] == table["method"].iloc[0]) & (table["level"] == "image")]
    truth = own[[c for c in own if c.startswith("true:")]].to_numpy(dtype=float)
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=truth.shape) + skill * truth
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns = [c.replace("true:", "score:") for c in own if c.startswith("true:")]
    made = pd.DataFrame(scores, columns=columns)
    made.insert(0, "id", own["id"].to_numpy())
    made.to_csv(home / f"{name}.csv", index=False)


def runs(home: Path) -> None:
    """Leave the runs of the example below ``home``."""
    shared = ["--bench", BENCH, "--out", "runs", "--permutations", "0"]
    sweep = ["--shots", "1,4,16", "--seeds", "3"]
    methods = "zero-shot,linear-probe,mlp-probe,knn,few-shot"
    vlmeval(home, "run", "--model", "clip-demo", *shared, "--method", methods, *sweep)
    vlmeval(home, "data", "export", BENCH, "--model", "clip-demo", "-o", "clip-demo.npz")
    for name, noise in NOISE.items():
        noisy(home, name, noise)
        model = f"embeddings:{name}.npz::clip-demo"
        vlmeval(home, "run", "--model", model, *shared, "--method", "zero-shot,linear-probe,knn")
    for seed, (name, skill) in enumerate(READERS.items()):
        reader(home, name, skill, seed)
        options = ["--kind", "probability", "--model-family", "unknown", "--max-missing", "1", "--split", "test"]
        vlmeval(home, "score", f"{name}.csv", *shared, *options, "--name", name)


def main() -> None:
    """Make the view (but with ``--page``) and the page."""
    view = EXAMPLES / "leaderboard.json"
    if "--page" not in sys.argv:
        with tempfile.TemporaryDirectory() as name:
            runs(Path(name))
            vlmeval(Path(name), "leaderboard", "runs", "-o", "leaderboard.json")
            EXAMPLES.mkdir(exist_ok=True)
            made = json.loads((Path(name) / "leaderboard.json").read_text(encoding="utf-8"))
            text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
            view.write_text(text + "\n", encoding="utf-8")
    page = render_leaderboard(json.loads(view.read_text(encoding="utf-8"))["leaderboard"])
    (EXAMPLES / "leaderboard.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

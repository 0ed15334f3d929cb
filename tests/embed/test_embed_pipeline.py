"""`embed` as its callers see it: order, reasons, batches, faults, and what is (not) loaded."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest
from embed_fake_model import DIM, DiesOnRed, FakeEncoder, FakeHandle, Squash
from PIL import Image

from vlmeval.data.images import decode_rgb
from vlmeval.embed import Cache, EmbedOptions, embed
from vlmeval.errors import ModelUnavailableError, UsageError
from vlmeval.records import ImageRef

CPU = EmbedOptions(device="cpu", workers=0)
TEXTS = ["eczema", "psoriasis", "eczema", "a prompt that is longer than the context of this model"]


def alone(path: Path) -> np.ndarray:
    """The vector of one picture, straight from the encoder."""
    import torch

    pixels = Squash()(decode_rgb(path.read_bytes()))
    return FakeEncoder().encode_images(torch.from_numpy(pixels[None]))[0].numpy()


@pytest.mark.parametrize("workers", [0, 2])
def test_vectors_are_the_encoders_in_the_samples_order(workers, pictures, make_samples, cache):
    order = np.random.default_rng(3).permutation(len(pictures))
    samples = make_samples([pictures[i] for i in order])
    got = embed(FakeHandle(), samples, TEXTS, cache, EmbedOptions(device="cpu", workers=workers, batch_size=16))
    assert got.images.ids.tolist() == samples.ids.tolist()
    expected = np.stack([alone(pictures[i]) for i in order])
    np.testing.assert_allclose(got.images.vectors, expected, rtol=0, atol=1e-4)
    assert list(got.texts) == ["eczema", "psoriasis", TEXTS[3]]
    np.testing.assert_array_equal(got.texts["psoriasis"], FakeEncoder().encode_texts(["psoriasis"])[0])
    assert got.truncated == (TEXTS[3],)
    assert (got.computed_images, got.computed_texts, got.device, got.dtype) == (50, 3, "cpu", "float32")
    assert got.score_rule.kind == "softmax"
    assert got.score_rule.scale == 100
    assert set(got.timings) == {"hash", "load model", "embed images", "embed texts"}
    assert got.images_per_second is not None
    assert got.images_per_second > 0


def test_every_forward_has_one_shape(pictures, make_samples, cache):
    handle = FakeHandle()
    embed(handle, make_samples(pictures), [], cache, EmbedOptions(device="cpu", workers=0, batch_size=12))
    assert handle.encoder.shapes == [(12, 16, 16, 3)] * 5


def test_unreadable_pictures_are_listed_and_the_rest_goes_on(folder, pictures, make_samples, cache):
    (folder / "003.png").write_bytes(b"<html>404</html>")
    (folder / "017.png").write_bytes((folder / "017.png").read_bytes()[:100])
    (folder / "020.png").unlink()
    samples = make_samples(pictures)
    for attempt in range(2):
        handle = FakeHandle()
        got = embed(handle, samples, [], cache, CPU)
        bad = samples.ids[[3, 17, 20]].tolist()
        assert list(got.unreadable) == bad
        assert "web page" in got.unreadable[bad[0]]
        assert got.unreadable[bad[2]] == "file not found"
        assert got.images.ids.tolist() == [i for i in samples.ids.tolist() if i not in bad]
        assert set(got.hashes) == set(samples.ids.tolist()) - {bad[2]}
        # That a picture is damaged is remembered too, or every run would load the model to try again.
        assert handle.loads == (1 if attempt == 0 else 0)
    np.testing.assert_allclose(got.images.vectors[3], alone(pictures[4]), atol=1e-4)


def test_nothing_but_unreadable_pictures(tmp_path, make_samples, cache):
    (tmp_path / "x.png").write_bytes(b"")
    got = embed(FakeHandle(), make_samples([tmp_path / "x.png", tmp_path / "absent.png"]), [], cache, CPU)
    assert got.images.vectors.shape == (0, DIM)
    assert len(got.unreadable) == 2


def test_equal_pictures_are_embedded_once_whatever_their_names(folder, pictures, make_samples, cache):
    (folder / "again.png").write_bytes(pictures[5].read_bytes())
    got = embed(FakeHandle(), make_samples([*pictures, folder / "again.png"]), [], cache, CPU)
    assert got.computed_images == 50
    np.testing.assert_array_equal(got.images.vectors[-1], got.images.vectors[5])


def test_a_changed_benchmark_embeds_only_what_is_new(pictures, make_samples, cache):
    embed(FakeHandle(), make_samples(pictures[:40]), ["one"], cache, CPU)
    handle = FakeHandle()
    got = embed(handle, make_samples(pictures), ["one", "two"], cache, CPU)
    assert (got.computed_images, got.computed_texts) == (10, 1)
    assert handle.encoder.text_calls == [["two"]]


def test_members_of_a_zip_archive(tmp_path, pictures, make_samples, cache):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in pictures:
            archive.write(path, f"part_1/{path.name}")
    refs = [ImageRef(tmp_path / "all.zip", f"part_1/{path.name}") for path in pictures]
    refs.append(ImageRef(tmp_path / "all.zip", "absent.png"))
    samples = make_samples(refs)
    got = embed(FakeHandle(), samples, [], cache, EmbedOptions(device="cpu", workers=1))
    assert list(got.unreadable.values()) == ["not in the archive"]
    plain = embed(FakeHandle(), make_samples(pictures), [], cache, CPU)
    assert plain.computed_images == 0, "the content is the same, so is the vector"
    np.testing.assert_array_equal(plain.images.vectors, got.images.vectors)


@pytest.mark.parametrize("kind", [MemoryError, RuntimeError])
def test_batches_are_halved_when_memory_runs_out(kind, pictures, make_samples, cache):
    plenty = embed(FakeHandle(name="plenty"), make_samples(pictures), TEXTS, cache, CPU)
    handle = FakeHandle(FakeEncoder(fits=5, out_of_memory=kind))
    got = embed(handle, make_samples(pictures), TEXTS, cache, CPU)
    np.testing.assert_allclose(got.images.vectors, plenty.images.vectors, atol=1e-4)
    assert [shape[0] for shape in handle.encoder.shapes[:3]] == [16, 8, 4]
    assert {shape[0] for shape in handle.encoder.shapes[2:]} == {4}, "it is not tried again in this run"
    np.testing.assert_array_equal(got.texts["eczema"], plenty.texts["eczema"])


def test_too_little_memory_for_one_picture_is_an_error_that_says_so(pictures, make_samples, cache):
    with pytest.raises(ModelUnavailableError, match="single input"):
        embed(FakeHandle(FakeEncoder(fits=0)), make_samples(pictures), [], cache, CPU)


def test_other_errors_of_the_model_are_not_taken_for_lack_of_memory(pictures, make_samples, cache):
    encoder = FakeEncoder(fits=0, out_of_memory=ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        embed(FakeHandle(encoder), make_samples(pictures), [], cache, CPU)
    assert len(encoder.shapes) == 1


def test_nan_is_an_error_that_names_the_picture_and_is_never_cached(folder, pictures, make_samples, cache):
    Image.new("RGB", (9, 9), "white").save(folder / "030.png")
    options = EmbedOptions(device="cpu", workers=0, batch_size=16)
    samples = make_samples(pictures * 1)
    with pytest.raises(ModelUnavailableError, match="NaN") as caught:
        embed(FakeHandle(FakeEncoder(nan_above=200)), samples, [], cache, options)
    assert caught.value.file == str(folder / "030.png")
    assert "float32" in (caught.value.hint or "")
    assert np.isfinite(embed(FakeHandle(), samples, [], cache, options).images.vectors).all()


def test_a_worker_that_dies_is_an_error_that_says_so(folder, pictures, make_samples, cache):
    Image.new("RGB", (9, 9), (255, 0, 0)).save(folder / "010.png")
    handle = FakeHandle(FakeEncoder(preprocess=DiesOnRed()))
    with pytest.raises(UsageError, match="ended unexpectedly"):
        embed(handle, make_samples(pictures), [], cache, EmbedOptions(device="cpu", workers=1))


def test_a_picture_that_changes_under_an_old_stamp_never_enters_the_cache(folder, pictures, make_samples, cache):
    import os

    def put(content: bytes) -> None:
        pictures[0].write_bytes(content)
        os.utime(pictures[0], ns=(10**18, 10**18))

    first, second = pictures[0].read_bytes(), pictures[1].read_bytes()
    size = max(len(first), len(second))
    put(first.ljust(size, b"\0"))
    samples = make_samples(pictures[:1])
    embed(FakeHandle(name="x"), samples, [], cache, CPU)
    put(second.ljust(size, b"\0"))  # same size, time and inode: only the content tells
    got = embed(FakeHandle(name="y"), samples, [], cache, CPU)
    assert "changed" in got.unreadable[samples.ids[0]]
    again = embed(FakeHandle(name="y"), samples, [], cache, CPU)
    np.testing.assert_allclose(again.images.vectors[0], alone(pictures[1]), atol=1e-4)


def test_precision_and_model_have_drawers_of_their_own(pictures, make_samples, cache):
    samples = make_samples(pictures)
    keys = {
        embed(FakeHandle(name=name), samples, [], cache, EmbedOptions(device="cpu", workers=0, dtype=dtype)).images.key
        for name in ("a", "b")
        for dtype in ("float32", "bfloat16")
    }
    assert len(keys) == 4
    assert len([info for info in cache.info() if info.kind == "images"]) == 4


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"workers": -1}, {"dtype": "int8"}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(UsageError):
        EmbedOptions(**wrong)


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_a_device_that_is_not_there(device, pictures, make_samples, cache):
    with pytest.raises(UsageError, match="device"):
        embed(FakeHandle(), make_samples(pictures), [], cache, EmbedOptions(device=device, workers=0))


def test_a_fully_cached_call_imports_no_torch_and_loads_no_model(tmp_path, pictures, make_samples, cache):
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        import numpy as np
        from embed_pictures import samples_of
        from embed_fake_model import FakeHandle
        from vlmeval.embed import Cache, embed
        handle = FakeHandle()
        got = embed(handle, samples_of(sorted(Path(sys.argv[2]).glob("*.png"))), ["eczema"], Cache(Path(sys.argv[3])))
        np.save(sys.argv[4], got.images.vectors)
        print(handle.loads, handle.fetches, "torch" in sys.modules, got.score_rule.scale, got.facts["dim"])
        """
    )
    arguments = [str(Path(__file__).parent), str(pictures[0].parent), str(cache.root)]
    said = []
    for i in range(2):
        command = [sys.executable, "-c", script, *arguments, str(tmp_path / f"{i}.npy")]
        said.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert said == [["1", "1", "True", "100.0", "8"], ["0", "0", "False", "100.0", "8"]]
    np.testing.assert_array_equal(np.load(tmp_path / "0.npy"), np.load(tmp_path / "1.npy"))


def test_progress_is_told_by_stage(pictures, make_samples, cache):
    told: list[tuple[str, int, int | None]] = []
    embed(FakeHandle(), make_samples(pictures), ["a"], cache, CPU, lambda *call: told.append(call))
    assert [call for call in told if call[1] == call[2]] == [
        ("hash", 50, 50), ("load model", 1, 1), ("embed images", 50, 50), ("embed texts", 1, 1),
    ]  # fmt: skip


def test_a_cache_that_cannot_be_written_is_an_error_that_says_so(tmp_path, pictures, make_samples):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UsageError, match="cache folder cannot be written"):
        embed(FakeHandle(), make_samples(pictures), [], Cache(tmp_path / "file"), CPU)

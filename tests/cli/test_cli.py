"""The command line as a user types it: output, exit codes, one sentence for a mistake, no traceback."""

import errno
import os
import re
import subprocess
import sys
import threading
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from deepbelief.checkpoint import load_dbn, save_dbn, save_labelled_dbn
from deepbelief.cli import main
from deepbelief.cli.options import PrecisionChoice
from deepbelief.cli.output import download_line
from deepbelief.data import Images, TensorSource
from deepbelief.models.dbn import DBN
from deepbelief.models.labelled import LabelledDBN
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.models.views import standardise
from deepbelief.randomness import Random
from deepbelief.system.precision import PrecisionName

COMMANDS = [
    *("study", "robustness", "report", "explore", "train", "encode", "classify", "impute", "sample", "likelihood"),
    *("export", "share", "data", "recipe"),
]


def deepbelief(*words: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "deepbelief", *map(str, words)]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120", **environment}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=variables)


def quickly(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has all modules loaded: what a process of its own gives, sooner."""
    arguments, out, err = ["deepbelief", *map(str, words)], StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err), chdir(cwd):
        patched.setattr(sys, "argv", arguments)
        patched.setenv("COLUMNS", "120")
        patched.setattr(threading, "excepthook", threading.excepthook)  # put back afterwards
        with pytest.raises(SystemExit) as left:
            main()
    return subprocess.CompletedProcess(arguments, int(left.value.code or 0), out.getvalue(), err.getvalue())


def assert_refused(done: subprocess.CompletedProcess[str], code: int, message: str) -> None:
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("deepbelief: ")


def test_the_precisions_of_the_command_are_those_of_recipes() -> None:
    assert {choice.value for choice in PrecisionChoice} == set(get_args(PrecisionName))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_in_its_help(tmp_path: Path, command: str) -> None:
    done = quickly(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"Example: deepbelief {command}" in done.stdout


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    done = deepbelief("--help")
    assert done.returncode == 0
    assert set(COMMANDS) <= set(done.stdout.split())
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "deepbelief", "--help"], capture_output=True, text=True
    ).stderr
    for heavy in ("torch", "numpy", "scipy", "sklearn", "matplotlib", "pydantic"):
        assert not re.search(rf"\| +{heavy}$", loaded, re.MULTILINE), heavy


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_a_sign_that_the_terminal_lacks_ends_nothing(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "≥ 0.npz"
    images, labels = np.zeros((20, 4, 4), dtype=np.uint8), np.arange(20) % 2
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    done = deepbelief("data", path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert "20 training and 20 test images, 4x4" in done.stdout


def test_recipes_are_printed_as_files_to_edit(tmp_path: Path) -> None:
    done = quickly("recipe", "reference", cwd=tmp_path)
    assert done.returncode == 0
    assert 'title = "The reference study' in done.stdout
    assert_refused(quickly("recipe", "other", cwd=tmp_path), 2, "there is no recipe 'other': give one of default")


def test_a_study_its_report_and_its_features(tmp_path: Path, tiny: str, one_precision: str) -> None:
    (tmp_path / "mine.toml").write_text(tiny)
    done = deepbelief("study", "mine.toml", "--seeds", 2, "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "19/19 generation" in done.stdout
    assert "fine-tuned" in done.stdout
    page = tmp_path / "runs" / "mine" / "report.html"
    assert "runs/mine/report.html" in done.stdout
    before = page.read_text(encoding="utf-8")
    for stage in ("Psychometric", "Dendrogram", "Fine-tun"):
        assert stage.lower() in before.lower()
    assert "to play: runs/mine/explorer.html" in done.stdout.replace("\n", "")
    assert (page.parent / "explorer.html").stat().st_size > 100_000
    assert '<a href="explorer.html">Play with these networks</a>' in before

    classes = quickly("classify", "runs/mine", "digits", "--out", "classes.csv", cwd=tmp_path)
    assert classes.returncode == 0, classes.stderr
    assert classes.stdout == "classes.csv: 360 rows, 10 classes\n"
    assert_refused(
        quickly("classify", "runs/mine", "digits", "--out", "classes.csv", "--classifier", "best", cwd=tmp_path),
        2,
        "runs/mine has no classifier 'best': give --classifier with one of readout_1",
    )

    page.unlink()
    again = quickly("report", "runs/mine", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert page.read_text(encoding="utf-8") == before

    assert_refused(
        quickly("study", "mine.toml", "--seed", 0, "--out", "runs/mine/seed-0", cwd=tmp_path),
        2,
        "is not empty and holds no study: give another folder with --out",
    )
    assert_refused(
        quickly("study", "mine.toml", "--seeds", 2, "--precision", "fp64", cwd=tmp_path),
        2,
        f"precision is '{one_precision}' there and 'fp64' here",
    )
    (tmp_path / "mine.toml").write_text(tiny.replace("steps = 150", "steps = 151"))
    changed = quickly("study", "mine.toml", "--device", "cpu", cwd=tmp_path)
    assert_refused(changed, 2, "other settings (readouts.steps is 150 there and 151 here)")


def test_encode(tmp_path: Path) -> None:
    save_dbn(tmp_path / "dbn.safetensors", DBN.from_sizes([64, 10, 7], Random(0)))
    done = quickly("encode", "dbn.safetensors", "digits", "--out", "f.npy", "--layer", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "f.npy: 360 images, 10 features"
    assert np.load(tmp_path / "f.npy").shape == (360, 10)
    own = np.zeros((3, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "own.npy", own)
    done = quickly("encode", "dbn.safetensors", "own.npy", "--out", "g.npz", cwd=tmp_path)
    assert done.stdout.strip() == "g.npz: 3 images, 7 features"


def test_what_looks_wrong_is_said_in_one_sentence(tmp_path: Path) -> None:
    images, labels = np.arange(4 * 9, dtype=np.uint8).reshape(4, 3, 3) % 17, np.array([1, 2, 2, 1])
    np.savez(tmp_path / "own.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    done = quickly("data", "own.npz", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == "own: 4 training and 4 test images, 3x3\n"
    assert done.stderr.startswith("deepbelief: own.npz holds no pixel above 16 where 255 is white; if less is meant")
    assert len(done.stderr.splitlines()) == 1
    (tmp_path / "own.csv").write_text("a,b,class\n" + 5 * "0.5,1,cat\n0,0.25,ant\n")
    done = quickly("data", "own.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "own: 8 training and 2 test images, 2\n")


def test_corrupted_test_sets_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def two(name: str, folder: Path | None, progress: object) -> dict[str, Images]:
        asked.append((name, folder, progress))
        return {what: Images(torch.zeros(n, 4), 1.0) for what, n in (("fog", 3), ("zigzag", 5))}

    monkeypatch.setattr("deepbelief.data.load_corrupted", two)
    done = quickly("data", "mnist-c", "--data", "there", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "mnist-c, fog: 3 test images\nmnist-c, zigzag: 5 test images\n"
    assert asked == [("mnist-c", Path("there"), download_line)]


def test_likelihood(tmp_path: Path) -> None:
    save_dbn(tmp_path / "shallow.safetensors", DBN.from_sizes([64, 7], Random(0)))
    save_dbn(tmp_path / "deep.safetensors", DBN.from_sizes([64, 30, 7], Random(0)))
    short = ("--images", 20, "--temperatures", 50, "--chains", 10)
    done = quickly("likelihood", "shallow.safetensors", "digits", *short, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for told in (
        "layer 1, 64-7, by AIS",
        "64-7, exact",
        "log-likelihood, upper side (AIS)",
        "of 10",
        "on 20 test items",
    ):
        assert told in done.stdout
    assert "50 temperatures, 10 chains" in done.stdout
    deep = quickly("likelihood", "deep.safetensors", "digits", *short, cwd=tmp_path)
    assert deep.returncode == 0, deep.stderr
    assert "bound of the log-likelihood, lower side (RAISE)" in deep.stdout
    assert "layer 2, 30-7, exact" in deep.stdout
    again = quickly("likelihood", "deep.safetensors", "digits", *short, cwd=tmp_path)
    assert again.stdout.splitlines()[:-1] == deep.stdout.splitlines()[:-1]  # but the seconds
    more = quickly("likelihood", "deep.safetensors", "digits", *short, "--estimate", 3, cwd=tmp_path)
    assert "log-likelihood, by chains (AIS)" in more.stdout
    assert "log-likelihood, by chains (AIS)" not in deep.stdout
    sampled = ("--estimate", 50, "--estimate-by", "importance")
    by_samples = quickly("likelihood", "deep.safetensors", "digits", *short, *sampled, cwd=tmp_path)
    assert "log-likelihood, by importance sampling (AIS)" in by_samples.stdout
    assert "by chains" not in by_samples.stdout
    other = quickly("likelihood", "deep.safetensors", "digits", *short, "--seed", 1, cwd=tmp_path)
    assert other.stdout.splitlines()[:-1] != deep.stdout.splitlines()[:-1]
    np.save(tmp_path / "own.npy", np.zeros((3, 5, 5), dtype=np.uint8))
    refused = quickly("likelihood", "deep.safetensors", "own.npy", cwd=tmp_path)
    assert_refused(refused, 2, "the DBN sees 64 values, the data have 25: make them equal")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of real-valued vectors and files of such data."""
    folder = tmp_path_factory.mktemp("real")
    values = 50 + 9 * np.random.default_rng(0).normal(size=(40, 6))
    dbn = DBN.from_units([Gaussian(6), Bernoulli(5), Bernoulli(4)], Random(0), weight_std=0.5)
    standardise(dbn, TensorSource(torch.from_numpy(values).float()))
    save_dbn(folder / "real.safetensors", dbn, image_shape=[6])
    np.save(folder / "real.npy", values)
    labels = np.arange(40) % 2
    part = {"train_images": values, "train_labels": labels, "test_images": values, "test_labels": labels}
    np.savez(folder / "real.npz", **part)
    return folder


def test_real_values_are_read_for_a_model_of_real_values(real: Path) -> None:
    done = quickly("encode", "real.safetensors", "real.npy", "--out", "f.npy", cwd=real)
    assert done.returncode == 0, done.stderr
    dbn, values = load_dbn(real / "real.safetensors"), torch.from_numpy(np.load(real / "real.npy")).float()
    np.testing.assert_allclose(np.load(real / "f.npy"), dbn.encode(values).detach(), rtol=1e-5)
    short = ("--images", 20, "--temperatures", 20, "--chains", 10)
    done = quickly("likelihood", "real.safetensors", "real.npz", *short, cwd=real)
    assert done.returncode == 0, done.stderr
    assert "real.safetensors on 20 test items of real.npz" in done.stdout
    save_dbn(real / "binary.safetensors", DBN.from_sizes([6, 5], Random(0)))
    refused = quickly("encode", "binary.safetensors", "real.npy", "--out", "g.npy", cwd=real)
    assert_refused(refused, 1, "scale it to [0, 1]")


def test_real_values_are_drawn(real: Path) -> None:
    words = ("--inpaint", "real.npz", "--number", 4, "--steps", 5, "--out", "r.png")
    done = quickly("sample", "real.safetensors", *words, cwd=real)
    assert done.returncode == 0, done.stderr
    with Image.open(real / "r.png") as picture:
        greys = np.unique(np.asarray(picture))
    assert greys.min() == 0 and greys.max() == 255
    assert len(greys) > 10


def test_a_study_of_real_values(real: Path, tiny: str) -> None:
    settings = tiny.replace('"digits"', '"real.npz"').replace("validation = 200", "validation = 4")
    (real / "mine.toml").write_text(settings.replace("[dbn]", '[dbn]\nvisible = "gaussian"'))
    done = quickly("study", "mine.toml", "--device", "cpu", "--precision", "fp32", cwd=real)
    assert done.returncode == 0, done.stderr
    assert "real numbers from" in (real / "runs" / "mine" / "report.html").read_text(encoding="utf-8")


def test_images_of_a_class_are_the_best_of_some_candidates(tmp_path: Path) -> None:
    model = LabelledDBN.from_sizes([64, 10, 7], 3, Random(0), weight_std=1.0)
    save_labelled_dbn(tmp_path / "labelled.safetensors", model, image_shape=[8, 8])
    for candidates in (1, 6):
        words = ("--labels", "0,2", "--number", 4, "--steps", 10, "--candidates", candidates)
        done = quickly("sample", "labelled.safetensors", *words, "--out", f"{candidates}.png", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "6.png").read_bytes() != (tmp_path / "1.png").read_bytes()


def test_sample(tmp_path: Path) -> None:
    save_dbn(tmp_path / "dbn.safetensors", DBN.from_sizes([64, 10, 7], Random(0)), image_shape=[8, 8])
    for words, out, frames in (
        (("--number", 4, "--steps", 5, "--samples"), "f.gif", 5),
        (("--inpaint", "digits", "--known", "centre", "--items", "1,5", "--steps", 4), "i.png", 1),
        (("--interpolate", "digits", "--items", "1,5", "--shape", "4x16", "--part", "train"), "w.png", 1),
    ):
        done = quickly("sample", "dbn.safetensors", *words, "--out", out, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert done.stdout.strip() == (out if frames == 1 else f"{out}: {frames} frames")
        with Image.open(tmp_path / out) as image:
            assert getattr(image, "n_frames", 1) == frames


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("study", "defautl"), 2, "there is no recipe 'defautl'"),
        (("study", "smoke", "--device", "tpu"), 2, "the device 'tpu' is not there"),
        (("study", "smoke", "--device", "meta"), 2, "the device 'meta' is not there"),
        (("study", "smoke", "--data", "nowhere"), 1, "nowhere"),
        (("data", "cifar"), 2, "cifar"),
        (("data", "mnist-c", "--data", "."), 1, "The folder . lacks mnist_c.zip of mnist-c"),
        (("report", "nowhere"), 1, "nowhere/results.json is missing"),
        (("encode", "no.safetensors", "digits", "--out", "f.npy"), 1, "no.safetensors does not exist"),
        (("likelihood", "no.safetensors", "digits"), 1, "no.safetensors does not exist"),
        (("encode", "no.safetensors", "digits", "--out", "f.txt"), 2, ".npy, .npz, not f.txt"),
        (("sample", "no.safetensors", "--out", "f.png"), 1, "no.safetensors does not exist"),
        (("sample", "no.safetensors", "--out", "f.jpg"), 2, "as .png, .gif, .apng, not f.jpg: give one of these"),
        (("sample", "m", "--out", "f.png", "--from", "digits", "--inpaint", "digits"), 2, "give one of them"),
        (("sample", "m", "--out", "f.png", "--from", "digits", "--items", "1,two"), 2, "'1,two' are no numbers"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, words: tuple[str, ...], code: int, message: str) -> None:
    assert_refused(quickly(*words, cwd=tmp_path), code, message)


@pytest.mark.parametrize("words", [("study", "--sedes", 3), ("study", "--seeds", 0), ("encode",), ("frobnicate",)])
def test_mistyped_commands_exit_with_2(tmp_path: Path, words: tuple[object, ...]) -> None:
    done = quickly(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_dbn(tmp_path / "dbn.safetensors", DBN.from_sizes([64, 5], Random(0)))
    out = tmp_path / "features.npy"
    out.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(
        sys, "argv", ["deepbelief", "encode", str(tmp_path / "dbn.safetensors"), "digits", "--out", str(out)]
    )
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    message = f"deepbelief: {out}: No space left on device; nothing that was finished is lost.\n"
    assert capsys.readouterr().err == message
    assert out.read_bytes() == b"old"


def test_a_model_whose_name_has_brackets(tmp_path: Path) -> None:
    save_dbn(tmp_path / "[red]dbn[0].safetensors", DBN.from_sizes([64, 5], Random(0)))
    words = ("--images", 5, "--temperatures", 5, "--chains", 3)
    done = quickly("likelihood", "[red]dbn[0].safetensors", "digits", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "[red]dbn[0].safetensors on 5 test items" in " ".join(done.stdout.split())


def test_an_unwritable_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = quickly("study", "smoke", "--out", "file/run", "--data", tmp_path, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr

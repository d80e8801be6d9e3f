"""Folders with a model and a card: made, loaded, and loaded from a hub, here a server on this machine."""

import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import huggingface_hub
import pytest
import torch

from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.learning import MinibatchSettings, Record, training_summary
from deepbelief.models import DBN, RBM, Bernoulli
from deepbelief.sharing import Card, from_pretrained, save_pretrained
from deepbelief.study.records import Metric
from tests.every_model import EVERY_MODEL, outputs, some_rows

DBN_MODEL = EVERY_MODEL["binary"]


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_a_model_comes_back_from_its_folder_and_its_card_shows_it(tmp_path: Path, name: str) -> None:
    model = EVERY_MODEL[name]
    save_pretrained(model, tmp_path / "a" / "b")
    loaded = from_pretrained(str(tmp_path / "a" / "b"))
    for before, after in zip(outputs(model, some_rows(3)), outputs(loaded, some_rows(3)), strict=True):
        assert torch.equal(before, after)
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {"model.safetensors", "README.md"}
    card = huggingface_hub.ModelCard.load(tmp_path / "a" / "b" / "README.md")
    assert card.data.library_name == "deepbelief"
    assert card.data.license is None
    assert len(card.text.partition("## Layers")[2].splitlines()) >= 6
    for section in ("## Data", "## Training", "## Results"):
        assert section not in card.text


def test_the_layers_of_a_card_are_those_of_the_model(tmp_path: Path) -> None:
    def rows(name: str) -> list[str]:
        save_pretrained(EVERY_MODEL[name], tmp_path / name)
        text = (tmp_path / name / "README.md").read_text()
        return text.partition("| --- | --- | --- |\n")[2].strip().splitlines()

    real = ["| visible | 6 | Gaussian, standardised |", "| hidden 1 | 5 | Bernoulli |", "| hidden 2 | 3 | Gaussian |"]
    assert rows("real") == rows("autoencoder") == real
    assert rows("joint")[0] == "| visible | 6 | 2 Bernoulli beside 1 Gaussian beside 3 Categorical |"
    assert rows("readout") == [*real, "| read-out of hidden 1, 2 | 3 | logits |"]
    assert rows("network") == ["| input | 6 | values |", "| hidden 1 | 5 | tanh |", "| output | 3 | logits |"]
    top = ["| label, beside the layer above | 3 | classes |", "| hidden 2 | 4 | Bernoulli |"]
    assert rows("labelled_dbn") == ["| visible | 6 | Bernoulli |", "| hidden 1 | 5 | Bernoulli |", *top]
    label = ["| label | 2 | classes |", "| hidden | 3 | ReLU |"]
    assert rows("labelled_rbm") == ["| visible | 6 | Bernoulli |", *label]


def test_what_is_said_and_kept_stands_on_the_card_and_in_its_header(tmp_path: Path) -> None:
    results = {"accuracy on the test images": Metric.over_seeds([0.5, 0.75]), "log-likelihood": Metric.over_seeds([-9])}
    card = Card("My model", "cc-by-4.0", "digits", results)
    training = [training_summary(MinibatchSettings(epochs=7), [Record(1, 0.5), Record(2, 0.25)])]
    save_pretrained(DBN_MODEL, tmp_path, card, training=training, image_shape=[2, 3])
    read = huggingface_hub.ModelCard.load(tmp_path / "README.md")
    assert read.data.license == "cc-by-4.0"
    (found,) = read.data.eval_results
    assert (found.metric_type, found.metric_value, found.dataset_name) == ("accuracy", 0.625, "digits")
    assert "\n# My model\n" in read.text
    assert "It learnt from digits." in read.text
    assert "|  | 1. MinibatchSettings |" in read.text
    assert "| epochs | 2 |" in read.text
    assert "| batch_size | 128 |" in read.text
    assert "| loss | 0.25 |" in read.text
    assert "| accuracy on the test images | 0.6250 | -0.9633 to 2.2133 | 2 |" in read.text
    assert "| log-likelihood | -9.0000 |  | 1 |" in read.text
    assert "this is the model of one of them" in read.text


@pytest.mark.parametrize(
    "text", ["---\nlicense: other", 'a "b" \\ | c: #', "\x1b[2J\x85\u2028\ud800", "[1, {", "ä 模型"]
)
def test_no_text_breaks_a_card(tmp_path: Path, text: str) -> None:
    save_pretrained(DBN_MODEL, tmp_path, Card(text, text, text, {f"accuracy {text}": Metric.over_seeds([1.0])}))
    content = (tmp_path / "README.md").read_text(encoding="utf-8")
    fields = huggingface_hub.ModelCard(content).data.to_dict()
    assert set(fields) == {"library_name", "license", "tags", "model-index"}
    assert fields["library_name"] == "deepbelief"
    assert content.isprintable() or all(line.isprintable() for line in content.split("\n"))
    assert all(line.count("|") == 5 for line in content.partition("## Results")[2].splitlines() if line)


def test_a_card_without_accuracies_has_none_for_the_hub(tmp_path: Path) -> None:
    card = Card(data="digits", results={"log-likelihood": Metric.over_seeds([-9])})
    save_pretrained(DBN_MODEL, tmp_path, card)
    assert huggingface_hub.ModelCard.load(tmp_path / "README.md").data.eval_results is None


def test_what_is_in_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    for name in ("model.safetensors", "README.md"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(SettingsError, match=f"{name} is there already: give another folder"):
            save_pretrained(DBN_MODEL, folder)
        assert [(path.name, path.read_text()) for path in folder.iterdir()] == [(name, "mine")]
        with pytest.raises(SettingsError, match="is a file: give the name of a folder"):
            save_pretrained(DBN_MODEL, folder / name)
    (tmp_path / "cloned" / ".git").mkdir(parents=True)
    save_pretrained(DBN_MODEL, tmp_path / "cloned")


def test_what_cannot_be_shared_is_one_sentence_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="RBM is no model that a file can hold"):
        save_pretrained(RBM(Bernoulli(3), Bernoulli(2), 0), tmp_path)
    for training in ("for long", [{"epochs": 3}], {"method": "CD"}):
        with pytest.raises(SettingsError, match="list of what training_summary gives"):
            save_pretrained(DBN_MODEL, tmp_path, training=training)
    with pytest.raises(SettingsError, match="must be JSON values"):
        save_pretrained(DBN_MODEL, tmp_path, made={1, 2})
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_neither_folder_nor_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("x")
    Path("empty").mkdir()
    with pytest.raises(
        DeepBeliefError, match=r"^empty holds no model\.safetensors: give a folder that save_pretrained"
    ):
        from_pretrained("empty")
    with pytest.raises(SettingsError, match="file is a file: give the folder"):
        from_pretrained("file")
    for name in ("missing", "a/b/c", "/nowhere/at", "../up", "user/na me", "https://host/user/name", "user/-name"):
        with pytest.raises(SettingsError, match=r"nor a name on the Hugging Face Hub such as user/name\.$"):
            from_pretrained(name)


def test_a_damaged_file_in_a_folder_is_refused(tmp_path: Path) -> None:
    save_pretrained(DBN_MODEL, tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[:-3])
    with pytest.raises(DeepBeliefError, match="cannot be read"):
        from_pretrained(tmp_path)


COMMIT = "0" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub that has one model, `user/model` at its revisions main and v1, and other repositories that fail."""

    content = b""
    missing: ClassVar = {
        "absent": (404, "RepoNotFound"),
        "private": (401, "RepoNotFound"),
        "gated": (403, "GatedRepo"),
        "data": (404, "EntryNotFound"),
        "broken": (418, "Teapot"),
    }

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        _, _, repository, _, revision, *_ = self.path.split("/")
        status, fault = self.missing.get(repository, (200, ""))
        if revision not in ("main", "v1", COMMIT):
            status, fault = 404, "RevisionNotFound"
        body = self.content if status == 200 else b""
        self.send_response(status)
        headers = {"ETag": f'"{len(body)}"', "X-Repo-Commit": COMMIT, "Content-Length": str(len(body))}
        for name, value in (headers | ({"X-Error-Code": fault} if fault else {})).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The hub is a server here, and its cache an empty folder."""
    save_pretrained(DBN_MODEL, tmp_path / "there")
    monkeypatch.setattr(Hub, "content", (tmp_path / "there" / "model.safetensors").read_bytes())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        there = functools.partial(huggingface_hub.hf_hub_download, endpoint=endpoint, cache_dir=tmp_path / "cache")
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", there)
        yield endpoint
        server.shutdown()


def test_a_model_is_downloaded_and_kept(hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for revision in (None, "v1"):
        loaded = from_pretrained("user/model", revision)
        assert isinstance(loaded, DBN)
        assert torch.equal(loaded.encode(some_rows(3)), DBN_MODEL(some_rows(3)))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert isinstance(from_pretrained("user/model"), DBN)  # from the cache


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("user/absent", None, "has no such model for you: check the name"),
        ("user/private", None, "has no such model for you: check the name"),
        ("user/gated", None, "has no such model for you: check the name"),
        ("user/data", None, r"holds no model\.safetensors: give a model that save_pretrained wrote"),
        ("user/model", "v9", "has no revision v9: leave it out for the latest"),
        ("user/broken", None, r"the Hugging Face Hub (does not give it|cannot be reached)"),
    ],
)
def test_what_the_hub_does_not_have_is_one_sentence(hub: str, name: str, revision: str | None, message: str) -> None:
    with pytest.raises(DeepBeliefError, match=message) as raised:
        from_pretrained(name, revision)
    assert str(raised.value).startswith(f"{name} is no folder here, and ")
    assert str(raised.value).isprintable()


def test_what_the_hub_has_may_be_no_model(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "content", b"no model")
    with pytest.raises(DeepBeliefError, match="cannot be read"):
        from_pretrained("user/model")


def test_without_the_internet_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DeepBeliefError, match="cannot be reached: connect to the internet, or give a folder"):
        from_pretrained("user/absent-here")


def test_any_other_failure_of_the_download_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("two\nlines")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(DeepBeliefError, match=r"does not give it \('two\\nlines'\): try later") as raised:
        from_pretrained("user/model")
    assert str(raised.value).isprintable()


def test_the_package_for_the_hub_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DeepBeliefError, match=r'pip install "deepbelief\[hub\]"'):
        from_pretrained("user/model")

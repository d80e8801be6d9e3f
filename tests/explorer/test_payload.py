"""What a page carries of a study or a model, and the page as text: complete, escaped, closed to the network."""

import base64
import dataclasses
import hashlib
import html
import json
import re
import zlib
from pathlib import Path

import pytest
import torch

from deepbelief.checkpoint import save_model
from deepbelief.data import Images, load_dataset
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.explorer.choice import WeightType, choose
from deepbelief.explorer.page import STATIC, assembled, write_page
from deepbelief.explorer.payload import Payload, make_payload
from deepbelief.explorer.sources import Found, find_model, find_run
from deepbelief.models import DBN, FeedForward, LabelledDBN, ReadoutClassifier
from deepbelief.models.units import Bernoulli, ReLU
from deepbelief.randomness import Random
from deepbelief.study import load_run
from tests.explorer.conftest import WIDTH, Ask, small

NAUGHTY = '</script><script>alert("1")</script><!-- & \' ü \u2028'


def payload_of(found: Found) -> Payload:
    return make_payload(found, choose(found, "float32"))


@pytest.fixture(scope="module")
def finished(study: Path) -> Found:
    return find_run(study)


def test_a_study_is_found_whole(finished: Found, study: Path) -> None:
    run, digits = load_run(study), load_dataset("digits")
    assert finished.image_shape == (8, 8)
    assert finished.classes == tuple("0123456789")
    assert [one.name for one in finished.contestants] == run.recipe.contestants
    assert [one.title for one in finished.contestants] == ["read-out 1", "read-out 2", "feed-forward", "fine-tuned"]
    assert finished.images is not None and torch.equal(finished.images.pixels, digits.test.pixels)
    images = digits.test.batch(slice(0, 50))
    for name, classifier in finished.classifiers().items():
        if name != "labelled":
            assert torch.equal(classifier(images), run.classifiers[name](images))
    curve = finished.curves["gaussian"]
    assert curve["levels"] == [0.0, 0.3]
    accuracy = run.results.metrics["accuracy/ffnn/gaussian@0.3"].mean
    assert curve["accuracies"]["ffnn"] == [run.results.metrics["accuracy/ffnn/gaussian@0"].mean, accuracy]  # type: ignore[index]
    assert {"gaussian_clipped", "uniform", "fgsm", "pgd"} <= finished.curves.keys()


@pytest.mark.parametrize(("weights", "tolerance"), [("float32", 1e-5), ("float16", 1e-3), ("auto", 1e-3)])
def test_the_page_of_a_study_answers_as_its_models_do(
    finished: Found, ask: Ask, weights: WeightType, tolerance: float
) -> None:
    assert finished.images is not None and finished.images.labels is not None
    images, labels = finished.images.batch(slice(0, 360)), finished.images.labels
    classifiers = finished.classifiers()
    questions = [["answers", name, images.tolist(), {}] for name in classifiers]
    rows = range(4)
    questions += [
        ["gradient", name, images[row].tolist(), int(labels[row]), {}] for name in classifiers for row in rows
    ]
    questions += [["reconstruct", images[row].tolist(), 2, 1] for row in rows]
    answers = iter(ask(finished, *questions, weights=weights))
    for classifier in classifiers.values():
        found, wanted = torch.tensor(next(answers)), classifier(images).softmax(dim=1)
        torch.testing.assert_close(found, wanted, atol=tolerance, rtol=0)
        assert (found.argmax(1) == wanted.argmax(1)).double().mean() >= 0.995
    for classifier in classifiers.values():
        for row in rows:
            point = images[row : row + 1].clone().requires_grad_()
            torch.nn.functional.cross_entropy(classifier(point), labels[row : row + 1]).backward()
            assert point.grad is not None
            bound = tolerance * max(1, float(point.grad.abs().max()))
            torch.testing.assert_close(torch.tensor(next(answers)), point.grad[0], atol=bound, rtol=0)
    for row in rows:
        torch.testing.assert_close(
            torch.tensor(next(answers)), finished.dbn.reconstruct(images[row : row + 1], 1)[0], atol=tolerance, rtol=0
        )


def test_images_of_other_data_than_the_studys_are_not_shown(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = load_dataset("digits")
    changed = dataclasses.replace(other, test=other.test.subset(torch.arange(20)))
    monkeypatch.setattr("deepbelief.explorer.sources.load_dataset", lambda *_, **__: changed)
    found = find_run(study)
    assert found.images is not None and len(found.images) == 16, "the records have sixteen"
    assert found.images.labels is not None
    rows = [
        (other.test.batch(slice(0, 360)) - image).abs().amax(1).argmin() for image in found.images.batch(slice(0, 16))
    ]
    assert found.images.labels.tolist() == [int(other.test.labels[row]) for row in rows]  # type: ignore[index]


def test_as_many_images_of_each_class_are_shown_in_turn(finished: Found) -> None:
    header = payload_of(finished).header
    assert finished.images is not None and finished.images.labels is not None
    shown = finished.images.labels[header["images"]["rows"]].tolist()
    assert shown == list(range(10)) * 10
    assert header["images"]["maximum"] == 16, "as they are stored"


def test_classes_without_images_and_fewer_images_are_no_fault() -> None:
    labels = torch.tensor([2, 2, 0, 2])
    images = Images(Random(0).uniform((4, WIDTH)), 1.0, labels)
    header = payload_of(dataclasses.replace(small(), images=images)).header
    assert header["images"]["rows"] == [2, 0, 1, 3]


def test_equal_layers_travel_once() -> None:
    header = payload_of(small()).header
    assert header["labelled"]["below"]["layers"] == header["dbn"]["layers"]
    assert header["labelled"]["recognition"] is None
    untied = payload_of(small(untied=True)).header
    assert untied["labelled"]["recognition"]["layers"] != untied["dbn"]["layers"]
    assert sum(header["size"].values()) <= header["block"]["packed"]
    assert list(header["size"])[:2] == ["DBN", "read-out 1"]


def test_the_block_holds_the_weights(finished: Found) -> None:
    payload = payload_of(finished)
    name = payload.header["dbn"]["layers"][0]["weights"]
    place, content = payload.header["arrays"][name], zlib.decompress(payload.block)
    planes = torch.frombuffer(bytearray(content[place["offset"] :][: place["bytes"]]), dtype=torch.uint8).view(4, -1)
    weights = planes.T.contiguous().view(torch.float32).view(place["shape"])
    assert torch.equal(weights, finished.dbn.layer(1).weights)
    json.dumps(payload.header, allow_nan=False)


# A model's file.


def save(path: Path, model: torch.nn.Module, **further: object) -> Path:
    save_model(path, model, **further)
    return path


def test_a_dbns_file_is_enough(tmp_path: Path) -> None:
    path = save(tmp_path / "dbn.safetensors", DBN.from_sizes([12, 5], 0), image_shape=[2, 6])
    found = find_model(path)
    assert (found.title, found.image_shape, found.classes, found.images) == ("dbn", (2, 6), (), None)
    header = payload_of(found).header
    assert (header["contestants"], header["labelled"], header["images"], header["maps"]) == ([], None, None, [])


@pytest.mark.parametrize(("width", "shape"), [(12, (1, 12)), (16, (4, 4)), (1, (1, 1))])
def test_a_shape_that_no_one_told_is_a_square_or_a_row(tmp_path: Path, width: int, shape: tuple[int, int]) -> None:
    assert find_model(save(tmp_path / "a.safetensors", DBN.from_sizes([width, 3], 0))).image_shape == shape


def test_files_of_a_dbn_with_labels_and_of_a_readout(tmp_path: Path) -> None:
    labelled = find_model(save(tmp_path / "a.safetensors", LabelledDBN.from_sizes([9, 5, 4], 3, 0)))
    assert labelled.classes == ("0", "1", "2") and labelled.labelled is not None
    readout = ReadoutClassifier(DBN.from_sizes([9, 5, 4], 0), 2, FeedForward([4, 3], torch.relu, 0))
    found = find_model(save(tmp_path / "b.safetensors", readout))
    assert [(one.name, one.seen) for one in found.contestants] == [("readout_2", (2,))]
    assert payload_of(found).header["contestants"][0]["seen"] == [2]


def test_what_a_page_cannot_show_is_refused_by_a_sentence(tmp_path: Path) -> None:
    network = save(tmp_path / "net.safetensors", FeedForward([9, 3], torch.relu, 0))
    with pytest.raises(SettingsError, match=r"net\.safetensors holds a FeedForward, which a page cannot show: give"):
        find_model(network)
    counts = save(tmp_path / "relu.safetensors", DBN.from_units([Bernoulli(9), ReLU(3)], 0))
    with pytest.raises(SettingsError, match="has ReLU units, and a page computes with Bernoulli and Gaussian"):
        find_model(counts)
    with pytest.raises(DeepBeliefError, match="does not exist"):
        find_model(tmp_path / "nothing.safetensors")


# The page.


def page_of(found: Found) -> str:
    return assembled(payload_of(found))


def element(page: str, opening: str) -> str:
    """The content of the only element that opens so."""
    (found,) = re.findall(rf"{re.escape(opening)}(.*?)</(?:script|style|title)>", page, flags=re.DOTALL)
    return str(found)


def test_names_of_all_kinds_are_only_names() -> None:
    found = dataclasses.replace(small(), title=NAUGHTY, recipe=NAUGHTY, classes=(NAUGHTY, "b", "c"))
    page = page_of(found)
    assert page.count("<script") == page.count("</script>") == page_of(small()).count("<script") == 5
    assert "<!--" not in page
    assert html.unescape(element(page, "<title>")) == NAUGHTY
    header = json.loads(element(page, '<script type="application/json" id="payload">'))
    assert (header["title"], header["recipe"], header["classes"][0]) == (NAUGHTY, NAUGHTY, NAUGHTY)


def test_the_policy_knows_our_script_and_style_and_allows_no_connection() -> None:
    page = page_of(small())
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    rules = dict(one.split(" ", 1) for one in html.unescape(policy).split("; "))
    assert rules["default-src"] == "'none'" and "connect-src" not in rules
    for opening, rule in (("<script>", "script-src"), ("<style>", "style-src")):
        digest = base64.b64encode(hashlib.sha256(element(page, opening).encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page.partition("<script")[0])


def test_the_worker_is_json_of_the_core() -> None:
    worker = json.loads(element(page_of(small()), '<script type="text/plain" id="worker">'))
    assert "addEventListener" in worker and "class Model" in worker
    assert not re.findall("^(import|export) ", worker, flags=re.MULTILINE)


def test_no_script_writes_markup_or_asks_for_anything() -> None:
    for path in STATIC.rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        forbidden = (
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\bfetch\(|XMLHttp|WebSocket"
        )
        assert not re.findall(forbidden, text), path.name


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "new" / "page.html"
    write_page(small(), out, "float16")
    first = out.read_bytes()
    write_page(small(), out, "float16")
    assert out.read_bytes() == first, "the same models give the same page"

    def fail(_: object) -> str:
        raise OSError(28, "no space left")

    monkeypatch.setattr("deepbelief.explorer.page.assembled", fail)
    with pytest.raises(OSError, match="no space"):
        write_page(small(), out)
    assert out.read_bytes() == first and len(list(out.parent.iterdir())) == 1

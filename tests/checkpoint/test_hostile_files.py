"""Damaged, cut, foreign and hostile files are refused in one sentence, before they take much memory."""

import hashlib
import json
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from deepbelief.checkpoint import UnusableFileError, load_model, load_state, read_description, save_model
from deepbelief.errors import DeepBeliefError
from deepbelief.models import DBN
from tests.every_model import EVERY_MODEL

OPENINGS: list[Callable[[Path], Any]] = [load_model, load_state, read_description]


def assert_refused(path: Path, *, by: Callable[[Path], Any] = load_model) -> str:
    """The one sentence."""
    with pytest.raises(DeepBeliefError) as raised:
        by(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert message.isprintable()
    assert message.endswith(".")
    assert len(message) < 1000
    return message


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The content of a model's file."""
    path = tmp_path_factory.mktemp("valid") / "model"
    save_model(path, EVERY_MODEL["real"], image_shape=[2, 3])
    return path.read_bytes()


def signed(header: dict[str, Any], tensors: bytes) -> bytes:
    """A file with any header and the digest that belongs to it, as its author could make it."""
    metadata = {name: value for name, value in header["__metadata__"].items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps({**header, "__metadata__": metadata}, sort_keys=True).encode() + tensors)
    text = json.dumps({**header, "__metadata__": {**metadata, "sha256": digest.hexdigest()}}).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + tensors


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and tensors of a file."""
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def test_a_file_cut_at_any_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model"
    save_model(path, DBN.from_sizes([2, 1], 0))
    valid = path.read_bytes()
    for length in range(len(valid)):
        path.write_bytes(valid[:length])
        assert_refused(path)
    path.write_bytes(valid + b"\0")
    assert_refused(path)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 2**20, 2**21 + 1, 2**31, 2**32, 2**63, 2**64 - 1])
@pytest.mark.parametrize("opening", OPENINGS)
def test_a_length_of_the_header_that_lies_is_refused(
    tmp_path: Path, valid: bytes, length: int, opening: Callable[[Path], Any]
) -> None:
    (tmp_path / "model").write_bytes(length.to_bytes(8, "little") + valid[8:])
    assert_refused(tmp_path / "model", by=opening)


@pytest.mark.parametrize("opening", OPENINGS)
def test_what_is_no_file_of_ours_is_refused(tmp_path: Path, opening: Callable[[Path], Any]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "pickle").write_bytes(pickle.dumps({"weights": [1.0]}))
    torch.save({"weights": torch.zeros(3)}, tmp_path / "torch")
    save_file({"weights": torch.zeros(3)}, tmp_path / "plain")
    save_file({"weights": torch.zeros(3)}, tmp_path / "others", {"format": "pt"})
    save_file({"weights": torch.zeros(3)}, tmp_path / "newer", {"format": "deepbelief/3", "progress": "{}"})
    (tmp_path / "text").write_text("weights: 3\n")
    (tmp_path / "json").write_text('{"model": "DBN"}')
    for path in tmp_path.iterdir():
        message = assert_refused(path, by=opening)
        assert ("update deepbelief" in message) == (path.name == "newer")
    assert_refused(tmp_path / "missing", by=opening)


@pytest.mark.parametrize(
    "progress",
    [
        "[" * 500_000,
        '{"a":' * 200_000,
        '{"model": "DBN", "units": ' + "[" * 20_000 + "]" * 20_000 + "}",
        '{"model": NaN}',
        '{"model": "DBN", "units": NaN}',
        '{"model": "DBN", "units": [{"kind": "Bernoulli", "size": Infinity}, {"kind": "Bernoulli", "size": 5}]}',
        '{"model": "DBN", "units": [{"kind": "Gaussian", "size": 6, "min_std": NaN}, '
        '{"kind": "Bernoulli", "size": 5}]}',
        '{"model": "DBN", "sizes": [' + "9" * 10_000 + ", 5]}",
        '{"model": "FeedForward", "sizes": [], "activation": "relu"}',
        '{"model": "FeedForward", "sizes": [6], "activation": "relu"}',
        '{"model": "FeedForward", "sizes": [6, 5], "activation": "__import__"}',
        '{"model": "ReadoutClassifier", "dbn": {"sizes": [6, 5]}, "layers": [9], "readout": {"sizes": [5, 3], '
        '"activation": "relu"}}',
        '{"model": "ReadoutClassifier", "dbn": {"sizes": [6, 5]}, "layers": [], "readout": {"sizes": [5, 3], '
        '"activation": "relu"}}',
        '{"model": ["DBN"]}',
        '{"model": "Unheard"}',
        "[]",
        "\ud800",
    ],
)
@pytest.mark.parametrize("tensors", [b"", None])
def test_a_description_made_to_harm_is_refused(
    tmp_path: Path, valid: bytes, progress: str, tensors: bytes | None
) -> None:
    header, whole = parts(valid)
    metadata = {"format": "deepbelief/2", "progress": progress}
    header = {**(header if tensors is None else {}), "__metadata__": metadata}
    (tmp_path / "model").write_bytes(signed(header, whole if tensors is None else tensors))
    assert_refused(tmp_path / "model")


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [10**12, 10**12]},
        {"shape": [2**62, 4]},
        {"shape": [-1, 5]},
        {"data_offsets": [0, 10**15]},
        {"data_offsets": [8, 4]},
        {"dtype": "I64"},
        {"dtype": "F64"},
        {"dtype": "F8_E4M3"},
        {"dtype": "BOOL"},
        {"dtype": "object"},
        {"shape": None},
    ],
)
def test_a_tensor_that_is_not_what_its_header_says_is_refused(
    tmp_path: Path, valid: bytes, entry: dict[str, Any]
) -> None:
    header, tensors = parts(valid)
    header["rbms.0.weights"] |= entry
    (tmp_path / "model").write_bytes(signed(header, tensors))
    assert_refused(tmp_path / "model")


@pytest.mark.parametrize("kept", ["digest", "no digest"])
def test_a_header_of_many_megabytes_is_refused_unread(tmp_path: Path, kept: str) -> None:
    metadata = {"format": "deepbelief/2" if kept == "digest" else "deepbelief/1"}
    content = save({"weights": torch.zeros(1)}, {**metadata, "progress": "[" + "[]," * 5_000_000 + "[]]"})
    (tmp_path / "model").write_bytes(content)
    tracemalloc.start()
    assert "its header is longer than that of any model" in assert_refused(tmp_path / "model")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**20


def mutations(content: bytes) -> st.SearchStrategy[bytes]:
    """The content with bytes changed, put in, taken out, doubled or moved."""
    places = st.integers(0, len(content))
    spans = st.tuples(places, places).map(sorted)

    def spliced(span: list[int], between: bytes) -> bytes:
        return content[: span[0]] + between + content[span[1] :]

    def doubled(span: list[int]) -> bytes:
        return spliced([span[1], span[1]], content[span[0] : span[1]])

    header = 8 + int.from_bytes(content[:8], "little")
    in_header = st.tuples(st.integers(0, header - 1), st.integers(0, 255))
    return st.one_of(
        st.builds(spliced, spans, st.binary(max_size=40)),
        spans.map(doubled),
        in_header.map(lambda at: content[: at[0]] + bytes([at[1]]) + content[at[0] + 1 :]),
        st.binary(max_size=200),
    )


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_any_change_of_a_file_is_refused_or_changes_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model"
    save_model(path, EVERY_MODEL[name])
    content, saved = path.read_bytes(), EVERY_MODEL[name].state_dict()

    @settings(max_examples=30)
    @given(mutations(content))
    def check(changed: bytes) -> None:
        path.write_bytes(changed)
        try:
            loaded = load_model(path)
        except UnusableFileError as error:
            assert str(error).isprintable()
            assert len(str(error)) < 1000
            return
        for key, tensor in loaded.state_dict().items():
            assert torch.equal(tensor, saved[key])

    check()

"""Rows in files give what the same rows give in memory, whatever is read ahead; and files that are bad are refused."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from deepbelief import Random
from deepbelief.data import Labelled, Source, StoredRows, TensorSource, open_rows
from deepbelief.data.ahead import Ahead
from deepbelief.data.order import order_of
from deepbelief.data.shards import NpyShard
from deepbelief.data.views import Binarised
from deepbelief.errors import DataError
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.views import Standardised

NUMBERS = np.random.default_rng(0)


def save(folder: Path, arrays: list[np.ndarray], kind: str = "npy", groups: int = 7) -> Path:
    folder.mkdir(exist_ok=True)
    for number, array in enumerate(arrays):
        path = folder / f"part-{number}.{kind}"
        if kind == "npy":
            np.save(path, array)
            continue
        table = pyarrow.table({f"c{place}": column for place, column in enumerate(array.T)})
        if kind == "parquet":
            parquet.write_table(table, path, row_group_size=groups)
        else:
            with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as file:
                file.write_table(table, max_chunksize=groups)
    return folder


def parts(values: np.ndarray) -> list[np.ndarray]:
    return [values[:10], values[10:11], values[11:]]


@pytest.mark.parametrize("kind", ["npy", "parquet", "arrow"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shards_are_one_data_set(tmp_path: Path, kind: str, dtype: Any) -> None:
    values = NUMBERS.normal(size=(40, 5)).astype(dtype)
    values[3, 2] = values[39, 0] = np.nan
    rows = open_rows(save(tmp_path / "d", parts(values), kind), window=8)
    assert (len(rows), rows.width, rows.missing) == (40, 5, 2 / 200)
    assert rows.batch(slice(0, 40)).numpy().dtype == dtype
    np.testing.assert_array_equal(rows.batch(slice(0, 40)), values)
    wanted = torch.tensor([39, 10, 10, 0, -1, 11])
    for _ in range(2):  # the second time they are kept
        np.testing.assert_array_equal(rows.batch(wanted), values[wanted.numpy()])
    read = rows.reader(8, torch.float64)
    np.testing.assert_array_equal(read(torch.tensor([20, 3])), values[[20, 3]].astype(np.float64))
    np.testing.assert_array_equal(read(slice(8, 14)), values[8:14].astype(np.float64))
    with pytest.raises(IndexError):
        rows.batch(torch.tensor([40]))


@pytest.mark.parametrize(
    ("dtype", "maximum"),
    [("u1", 255), ("?", 1), ("<u2", 65535), (">u2", 65535), (">f8", None), ("f2", None), ("i4", None)],
)
def test_numbers_of_all_types_mean_what_they_mean_in_memory(tmp_path: Path, dtype: str, maximum: int | None) -> None:
    values = NUMBERS.integers(0, 2 if dtype == "?" else 200, (9, 2, 3)).astype(dtype)
    values = values if maximum else values.reshape(9, 6)
    np.save(tmp_path / "x.npy", values)
    rows = open_rows(tmp_path / "x.npy")
    expected = values.reshape(9, 6).astype(np.float64) / (maximum or 1)
    np.testing.assert_allclose(rows.batch(torch.arange(9)), expected, rtol=1e-6)
    np.testing.assert_allclose(rows.reader(9, torch.float64)(slice(0, 9)), expected, rtol=1e-6)
    assert rows.shape == ((2, 3) if maximum else (6,))
    assert rows.grey == bool(maximum)
    chosen = open_rows(tmp_path / "x.npy", ["4", "0"])
    np.testing.assert_allclose(chosen.batch(slice(0, 9)), expected[:, [4, 0]], rtol=1e-6)


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, Path]:
    values = NUMBERS.integers(0, 256, (100, 4)).astype(np.uint8)
    return values, save(tmp_path_factory.mktemp("pixels"), [values[:31], values[31:]])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 120), st.integers(1, 40), st.integers(0, 99), st.booleans())
def test_reading_ahead_changes_nothing(
    pixels: tuple[np.ndarray, Path], window: int, batch: int, seed: int, interrupted: bool
) -> None:
    values, path = pixels
    rows, random = open_rows(path, window=window), Random(seed)
    read, expected = rows.reader(batch, torch.float32), torch.from_numpy(values).float() / 255
    for _ in range(2):
        order = order_of(100, None, random, rows.runs)
        rows.expect(order)
        for number, part in enumerate(torch.split(order, batch)):
            torch.testing.assert_close(read(part), expected[part], rtol=0, atol=0)
            if interrupted and number % 3 == 0:  # others are asked for in between, and the epoch is not ended
                torch.testing.assert_close(read(torch.tensor([5])), expected[[5]], rtol=0, atol=0)
                if number == 6:
                    break


def test_each_row_is_read_once_in_an_epoch(pixels: tuple[np.ndarray, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = open_rows(pixels[1], window=30)
    read, order = rows.reader(8, torch.float32), order_of(100, None, Random(0), rows.runs)
    found: list[int] = []
    original = NpyShard.read

    def counted(self: NpyShard, pieces: Any, out: Any) -> None:
        found.extend(piece.stop - piece.start for piece in pieces)
        original(self, pieces, out)

    monkeypatch.setattr(NpyShard, "read", counted)
    rows.expect(order)
    for part in torch.split(order, 8):
        read(part)
    assert sum(found) == 100


def test_the_next_window_is_read_while_this_one_is_learnt_from() -> None:
    begun = [threading.Event() for _ in range(3)]

    def load(positions: torch.Tensor) -> torch.Tensor:
        begun[int(positions[0]) // 4].set()
        return positions[:, None].float()

    with ThreadPoolExecutor(1) as executor:
        order, buffer = torch.arange(12), torch.empty(3, 1)
        ahead = Ahead(order, 4, load, executor)
        assert begun[0].wait(20)
        assert not begun[1].is_set()
        assert ahead.take(order[:3], buffer).flatten().tolist() == [0, 1, 2]  # type: ignore[union-attr]
        assert begun[1].wait(20)  # though nothing of it was asked for
        assert ahead.take(order[:3], buffer) is None
        assert ahead.take(order[3:6], buffer).flatten().tolist() == [3, 4, 5]  # type: ignore[union-attr]
        assert begun[2].wait(20)


def test_views_read_ahead_as_well(pixels: tuple[np.ndarray, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    values, path = pixels
    memory, labels = TensorSource(torch.from_numpy(values).float() / 255), torch.arange(100) % 3
    seen: list[bool] = []
    original = Ahead.take

    def take(self: Ahead, rows: torch.Tensor, buffer: torch.Tensor) -> torch.Tensor | None:
        found = original(self, rows, buffer)
        seen.append(found is not None)
        return found

    monkeypatch.setattr(Ahead, "take", take)

    def epoch(source: Source) -> torch.Tensor:
        scaling = Standardisation(torch.full((4,), 0.5), torch.full((4,), 2.0))
        view = Labelled(Binarised(Standardised(source, scaling), Random(3)), labels, 3)
        assert (view.runs is None) == (source is memory)
        order = Random(1).permutation(100)
        view.expect(order)
        read = view.reader(16, torch.float32)
        return torch.cat([read(part).clone() for part in torch.split(order, 16)])

    assert torch.equal(epoch(open_rows(path, window=30)), epoch(memory))
    assert seen == [True] * 7


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_empty_cells_of_all_types_are_missing(tmp_path: Path, kind: str) -> None:
    columns = {
        "a": pyarrow.array([True, None, False]),
        "b": pyarrow.array([1, 2, None], pyarrow.int8()),
        "c": pyarrow.array([None, 0.5, 1], pyarrow.float32()),
    }
    for names, dtype in ((["a", "b", "c"], np.float32), (["a", "b", "c", "d"], np.float64)):
        table = pyarrow.table(columns | ({"d": pyarrow.array([1, 2, 2**40])} if "d" in names else {}))
        path = tmp_path / f"{len(names)}.{kind}"
        if kind == "parquet":
            parquet.write_table(table, path)
        else:
            with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as file:
                file.write_table(table)
        found = open_rows(path, names).batch(slice(0, 3)).numpy()
        assert found.dtype == dtype
        np.testing.assert_array_equal(found[:, :3], [[1, 1, np.nan], [np.nan, 2, 0.5], [0, np.nan, 1]])


def test_large_groups_are_mixed_by_several(tmp_path: Path) -> None:
    rows = open_rows(save(tmp_path / "d", [NUMBERS.normal(size=(30, 2))], "parquet"))
    assert rows.runs.starts.tolist() == [0, 7, 14, 21, 28, 30]
    assert rows.runs.window >= 28


def refused(path: Path, *sentence: str) -> None:
    with pytest.raises(DataError) as error:
        open_rows(path)
    assert all(part in str(error.value) for part in sentence), error.value
    assert str(error.value).count("\n") == 0


def test_files_that_are_bad_are_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def npy(name: str, array: Any) -> Path:
        np.save(tmp_path / name, array)
        return tmp_path / name

    refused(tmp_path / "gone.npy", "gone.npy does not exist")
    refused(tmp_path / "gone.parquet", "gone.parquet does not exist")
    refused(tmp_path, "has no rows to read")
    refused(npy("a.npy", np.zeros((0, 4))), "a.npy", "no rows")
    refused(npy("b.npy", np.zeros(4)), "b.npy", "shape (4,)")
    refused(npy("c.npy", np.array([["x"]])), "c.npy", "<U1")
    refused(npy("d.npy", np.asfortranarray(np.zeros((4, 4)))), "d.npy", "column by column")
    refused(npy("e.npy", np.zeros((4, 2, 2), np.int64)), "e.npy", "save it as uint8")
    whole = npy("f.npy", np.zeros((50, 4))).read_bytes()
    (tmp_path / "f.npy").write_bytes(whole[:-9])
    refused(tmp_path / "f.npy", "f.npy is damaged")
    (tmp_path / "g.parquet").write_bytes(b"PAR1 is not enough PAR1")
    refused(tmp_path / "g.parquet", "g.parquet is damaged")
    (tmp_path / "g.arrow").write_bytes(b"ARROW1 is not enough")
    refused(tmp_path / "g.arrow", "g.arrow is damaged")
    refused(tmp_path, "several kinds", ".arrow and .npy and .parquet")
    text = pyarrow.table({"a": [1.0], "b": ["x"]})
    parquet.write_table(text, tmp_path / "h.parquet")
    refused(tmp_path / "h.parquet", "'b' holds string")
    assert open_rows(tmp_path / "h.parquet", ["a"]).names == ("a",)
    with pytest.raises(DataError, match="no columns called 'z'"):
        open_rows(tmp_path / "h.parquet", ["z"])
    monkeypatch.setattr("deepbelief.data.arrow_shard._GROUP_BYTES", 40)
    parquet.write_table(pyarrow.table({"a": np.zeros(6)}), tmp_path / "i.parquet")
    refused(tmp_path / "i.parquet", "6 rows in one group", "row_group_size")


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (np.zeros((2, 5), np.uint8), "other columns"),
        (np.zeros((2, 2, 2), np.uint8), "rows of another shape"),
        (np.zeros((2, 4), np.float32), "numbers of another type"),
        (np.zeros((2, 4), bool), "numbers of another type"),
    ],
)
def test_shards_that_are_not_alike_are_refused(tmp_path: Path, other: np.ndarray, sentence: str) -> None:
    folder = save(tmp_path / "d", [np.zeros((3, 4), np.uint8), other])
    refused(folder, "part-1.npy has", sentence, "part-0.npy")


def test_a_file_that_changes_while_it_is_read_ends_the_epoch_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((50, 4)))
    rows = open_rows(path)
    path.write_bytes(path.read_bytes()[:-40])
    rows.expect(torch.arange(50))
    with pytest.raises(DataError, match=r"x\.npy has become shorter"):
        rows.reader(50, torch.float32)(torch.arange(50))
    path.unlink()
    with pytest.raises(DataError, match=r"x\.npy cannot be read any more"):
        rows.batch(slice(0, 1))


def test_no_files_are_no_source() -> None:
    with pytest.raises(DataError, match="no files of rows"):
        StoredRows([])

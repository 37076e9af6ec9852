"""Where puzzles come from, what is refused, and how they become batches."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trm_edu import data
from trm_edu.data import (
    BatchStream,
    DataSet,
    as_tensor,
    find_file,
    load_puzzles,
    read_csv,
    stream_csv,
    stream_puzzles,
    whole,
    write_whole,
)
from trm_edu.errors import DataError, PuzzleError
from trm_edu.tasks import PuzzleSet, Sudoku, get_task

S4, S6 = get_task("sudoku4"), get_task("sudoku6")


@pytest.fixture(scope="module")
def puzzles() -> PuzzleSet:
    return S6.generate(60, seed=5)


def csv_of(puzzles: PuzzleSet, header: str = "source,question,answer,rating") -> str:
    task = get_task(puzzles.task)
    rows = zip(puzzles.questions, puzzles.answers, strict=True)
    lines = [f"book,{task.decode(q)},{task.decode(a)},{i / 2}" for i, (q, a) in enumerate(rows)]
    return "\n".join([header, *lines]) + "\n"


@pytest.fixture
def csv_file(puzzles: PuzzleSet, tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(csv_of(puzzles), encoding="utf-8")
    return path


# --- CSV --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_csv_is_read_plain_or_gzipped_whatever_its_name(packed: bool, puzzles: PuzzleSet, tmp_path: Path) -> None:
    path = tmp_path / "puzzles.dat"
    content = csv_of(puzzles).encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_csv(path, S6, source="a book")
    assert np.array_equal(found.questions, puzzles.questions) and np.array_equal(found.answers, puzzles.answers)
    assert (found.task, found.source, found.distinct) == ("sudoku6", "a book", 60)
    assert found.extra["rating"].tolist() == [i / 2 for i in range(60)]
    assert list(found.extra) == ["rating"], "where a row comes from is no number"
    assert len(read_csv(path, S6, source="x", rows=7)) == 7


def test_equivalent_puzzles_are_counted_once(puzzles: PuzzleSet, tmp_path: Path) -> None:
    symmetry = S6.random_symmetry(np.random.default_rng(1))
    turned = [S6.apply(symmetry, tokens[:1]) for tokens in (puzzles.questions, puzzles.answers)]
    both = PuzzleSet(
        "sudoku6",
        np.concatenate([puzzles.questions[:3], turned[0]]),
        np.concatenate([puzzles.answers[:3], turned[1]]),
        "",
        3,
    )
    path = tmp_path / "both.csv"
    path.write_text(csv_of(both))
    found = read_csv(path, S6, source="x")
    assert (len(found), found.distinct) == (4, 3)


def test_windows_line_ends_are_no_mistake(puzzles: PuzzleSet, tmp_path: Path) -> None:
    path = tmp_path / "dos.csv"
    path.write_bytes(csv_of(puzzles).replace("\n", "\r\n").encode())
    assert np.array_equal(read_csv(path, S6, source="x").questions, puzzles.questions)


def broken(lines: list[str], how: str) -> bytes:
    question, answer = lines[3].split(",")[1:3]
    changes = {
        "letter": ("x" + question[1:], answer),
        "short": (question[:-1], answer),
        "no answer": (question, ""),
        "open answer": (question, "." + answer[1:]),
    }
    if how in changes:
        lines[3] = ",".join(["book", *changes[how], "1"])
    elif how == "half a line":
        lines[3] = "book"
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("letter", "character 'x' at position 1 is no cell"),
        ("short", "found 35 cells, need 36"),
        ("no answer", "found 0 cells, need 36"),
        ("open answer", "an answer has no blanks, this has 1"),
        ("half a line", "found 0 cells, need 36"),
    ],
)
def test_a_malformed_line_is_named_with_its_file(how: str, words: str, puzzles: PuzzleSet, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(broken(csv_of(puzzles).splitlines(), how))
    with pytest.raises(DataError) as caught:
        read_csv(path, S6, source="x")
    assert str(caught.value).startswith(f"{path}, line 4: sudoku6: ") and words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "columns []; answer and question must be among them"),
        (b"question,rating\n", "columns ['question', 'rating']; answer must be among them"),
        (b"question,answer\n", "holds a header and no puzzles"),
        (b"\xff\xfe\xfa", "cannot be read as a (gzipped) UTF-8 CSV"),
        (gzip.compress(b"question,answer\n" * 99)[:30], "cannot be read as a (gzipped) UTF-8 CSV"),
        (b"\x1f\x8b" + b"nonsense" * 4, "cannot be read as a (gzipped) UTF-8 CSV"),
        (gzip.compress(b"question,answer\n")[:10] + b"\xff" * 40, "cannot be read as a (gzipped) UTF-8 CSV"),
    ],
    ids=["empty", "no answers", "header", "bytes", "truncated", "no gzip", "damaged"],
)
def test_a_file_that_is_no_such_csv_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_csv(path, S6, source="x")
    assert words in str(caught.value) and str(path) in str(caught.value)


# --- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [1, 7, 60, 100])
@pytest.mark.parametrize("form", ["plain", "gzip", "dos"])
def test_a_stream_holds_what_the_whole_file_holds(form: str, chunk: int, puzzles: PuzzleSet, tmp_path: Path) -> None:
    content = csv_of(puzzles).encode()
    path = tmp_path / "stream.dat"
    path.write_bytes({"gzip": gzip.compress, "dos": lambda c: c.replace(b"\n", b"\r\n")}.get(form, bytes)(content))
    chunks = list(stream_csv(path, S6, chunk))
    assert [len(part) for part in chunks] == [chunk] * (60 // chunk) + ([60 % chunk] if 60 % chunk else [])
    for name in ("questions", "answers"):
        assert np.array_equal(np.concatenate([getattr(part, name) for part in chunks]), getattr(puzzles, name))
    assert np.concatenate([part.extra["rating"] for part in chunks]).tolist() == [i / 2 for i in range(60)]
    assert {(part.task, part.source) for part in chunks} == {("sudoku6", "file stream.dat")}
    assert all(part.distinct == len(part) for part in chunks)
    assert next(stream_csv(path, S6, source="a book")).source == "a book"


def test_a_stream_counts_what_is_new_in_it(puzzles: PuzzleSet, tmp_path: Path) -> None:
    order = np.array([0, 1, 2, 1, 3, 2, 0, 0, 4, 5, 5, 3])
    turned = S6.apply(S6.random_symmetry(np.random.default_rng(1)), puzzles.questions[order])
    again = np.arange(12) % 2 == 0
    questions = np.where(again[:, None], turned, puzzles.questions[order])  # the answers do not matter here
    path = tmp_path / "again.csv"
    path.write_text(csv_of(PuzzleSet("sudoku6", questions, puzzles.answers[order], "", 6)))
    assert [part.distinct for part in stream_csv(path, S6, 3)] == [3, 1, 1, 1]
    assert read_csv(path, S6, source="x").distinct == 6


def test_a_stream_leaves_out_what_it_is_told_to(csv_file: Path, puzzles: PuzzleSet) -> None:
    symmetry = S6.random_symmetry(np.random.default_rng(3))
    taken = puzzles.take(np.array([0, 8, 9, 59]))
    turned = PuzzleSet("sudoku6", S6.apply(symmetry, taken.questions), taken.answers, "turned", 4)
    chunks = list(stream_puzzles(str(csv_file), S6, chunk=8, exclude=turned))
    assert [len(part) for part in chunks] == [7, 6, 8, 8, 8, 8, 8, 3]
    rest = np.setdiff1d(np.arange(60), [0, 8, 9, 59])
    assert np.array_equal(np.concatenate([part.questions for part in chunks]), puzzles.questions[rest])
    assert chunks[1].extra["rating"].tolist() == [5.0, 5.5, 6.0, 6.5, 7.0, 7.5] and chunks[1].distinct == 6
    with pytest.raises(DataError, match="sx-proxy holds puzzles of sudoku9, not of sudoku6"):
        stream_puzzles("sx-proxy", S6)


def test_a_stream_reads_no_further_than_it_is_asked(puzzles: PuzzleSet, tmp_path: Path) -> None:
    lines = csv_of(puzzles).splitlines()
    lines[44] = lines[44].replace("book,", "book,x", 1)
    lines.insert(20, "")  # a blank line is none, but it counts where lines are named
    path = tmp_path / "late.csv"
    path.write_text("\n".join(lines))
    stream = stream_csv(path, S6, 10)
    assert [len(next(stream)) for _ in range(4)] == [10] * 4
    with pytest.raises(DataError) as caught:
        next(stream)
    assert str(caught.value).startswith(f"{path}, line 46: sudoku6: character 'x' at position 1 is no cell")


def test_a_stream_that_ends_in_rubbish_says_so_when_it_gets_there(puzzles: PuzzleSet, tmp_path: Path) -> None:
    content = gzip.compress(csv_of(puzzles.take(np.tile(np.arange(60), 50))).encode())
    path = tmp_path / "torn.csv.gz"
    path.write_bytes(content[:-300])
    stream = stream_csv(path, S6, 10)
    assert len(next(stream)) == 10
    with pytest.raises(DataError, match="torn.csv.gz cannot be read as a .gzipped. UTF-8 CSV"):
        list(stream)


def test_columns_that_turn_into_words_are_dropped(puzzles: PuzzleSet, tmp_path: Path) -> None:
    lines = csv_of(puzzles, "source,question,answer,rating,level,note").splitlines()
    lines = [lines[0]] + [f"{line},{i},{i}" for i, line in enumerate(lines[1:])]
    lines[50] = lines[50].rpartition(",")[0] + ",hard"
    path = tmp_path / "words.csv"
    path.write_text("\n".join(lines))
    assert list(read_csv(path, S6, source="x").extra) == ["rating", "level"]
    assert [list(part.extra) for part in stream_csv(path, S6, 40)] == [["rating", "level", "note"], ["rating", "level"]]
    joined = whole(stream_csv(path, S6, 40))
    assert list(joined.extra) == ["rating", "level"] and joined.extra["level"].tolist() == list(range(60))


@pytest.mark.parametrize("task", [S4, S6, get_task("sudoku9"), Sudoku(2, 5)], ids=str)
def test_many_texts_are_encoded_as_each_of_them(task: Sudoku, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(2, task.vocab_size, (30, task.seq_len)).astype(np.uint8)
    texts = [task.decode(row) for row in tokens]
    texts[3] = texts[3].lower()
    assert np.array_equal(task.encode_batch(texts, complete=True), tokens)
    texts[4], tokens[4, 0] = "0" + texts[4][1:], 1
    texts[5], tokens[5, -1] = texts[5][:-1] + ".", 1
    with monkeypatch.context() as patch:
        patch.setattr(Sudoku, "encode", None)  # bare cells are not encoded one by one
        assert np.array_equal(task.encode_batch(texts), tokens) and task.encode_batch(texts).dtype == np.uint8
    with pytest.raises(PuzzleError, match="an answer has no blanks, this has 1, first at row 1 column 1"):
        task.encode_batch(texts, complete=True)
    texts[6] = task.format_grid(tokens[6])
    assert np.array_equal(task.encode_batch(texts), tokens), "written as a grid"
    assert task.encode_batch([]).shape == (0, task.seq_len)
    for wrong in ("x" + texts[0][1:], "€" + texts[0][1:], texts[0][:-1] + "\x02", texts[0] + "1", texts[0][:-1]):
        with pytest.raises(PuzzleError) as caught:
            task.encode_batch([*texts, wrong])
        with pytest.raises(PuzzleError) as expected:
            task.encode(wrong)
        assert str(caught.value) == str(expected.value)


def test_a_task_that_encodes_one_by_one_reads_the_same(csv_file: Path, puzzles: PuzzleSet) -> None:
    class OneByOne(Sudoku):
        @property
        def encode_batch(self) -> None:  # as a task that never heard of it
            raise AttributeError("encode_batch")

    found = read_csv(csv_file, OneByOne(2, 3), source="x")
    assert np.array_equal(found.questions, puzzles.questions) and np.array_equal(found.answers, puzzles.answers)


# --- sources ----------------------------------------------------------------------------------------------------------


def test_an_explicit_path_comes_first(csv_file: Path, puzzles: PuzzleSet) -> None:
    found = load_puzzles(str(csv_file), "sudoku6")
    assert found.source == "file mine.csv" and len(found) == 60
    assert found.describe() == "file mine.csv: 60 puzzles of sudoku6, 60 distinct under its symmetries"


def test_the_environment_folder_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(data, "download", lambda data_set: asked.append(data_set.file) or tmp_path / "from_hub.csv")
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path))
    assert find_file("sudoku-extreme-test") == tmp_path / "from_hub.csv"
    local = tmp_path / "sudoku" / "sudoku_extreme_test.csv"
    local.parent.mkdir()
    local.write_text("question,answer\n")
    assert find_file("sudoku-extreme-test") == local
    assert asked == ["test.csv"]
    monkeypatch.delenv(data.DATA_VARIABLE)
    assert find_file("sudoku-extreme-test") == tmp_path / "from_hub.csv"


def test_missing_data_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(data.DATA_VARIABLE, raising=False)
    with pytest.raises(
        DataError, match=r"not here: TRM_EDU_DATA is not set\. Set TRM_EDU_DATA to a folder that holds "
    ):
        load_puzzles("sudoku-extreme-1k", "sudoku9")
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path))
    with pytest.raises(DataError) as caught:
        load_puzzles("sx-proxy", "sudoku9")
    message = str(caught.value)
    assert f"TRM_EDU_DATA is {str(tmp_path)!r} and holds no sudoku/sx_proxy_dev.csv.gz" in message
    assert "or use --data generated" in message


def test_unknown_names_and_other_tasks_are_refused() -> None:
    with pytest.raises(
        DataError, match="'sudoku-1k' is neither a file nor a data set; known: generated, sudoku-extreme-1k"
    ):
        load_puzzles("sudoku-1k", "sudoku9")
    with pytest.raises(DataError, match="sx-proxy holds puzzles of sudoku9, not of sudoku6"):
        load_puzzles("sx-proxy", "sudoku6")
    with pytest.raises(DataError, match="generated puzzles need a count, for example count=1000"):
        load_puzzles("generated", "sudoku6")
    with pytest.raises(DataError, match="No task is named 'sudoku7'"):
        load_puzzles("generated", "sudoku7", count=1)


def test_a_count_is_a_draw_by_seed(csv_file: Path) -> None:
    def draw(seed: int) -> PuzzleSet:
        return load_puzzles(str(csv_file), S6, count=20, seed=seed)

    whole = load_puzzles(str(csv_file), S6)
    assert np.array_equal(draw(1).questions, draw(1).questions)
    assert not np.array_equal(draw(1).questions, draw(2).questions)
    assert len(draw(1)) == draw(1).distinct == 20
    rows = [whole.questions.tolist().index(q) for q in draw(1).questions.tolist()]
    assert draw(1).extra["rating"].tolist() == [row / 2 for row in rows]
    with pytest.raises(DataError, match=r"mine.csv holds 60 puzzles \(after exclusions\), 61 were asked for"):
        load_puzzles(str(csv_file), S6, count=61)


@pytest.mark.parametrize("excludes", [False, True])
@pytest.mark.parametrize("count", [1, 20, 50])
def test_a_draw_is_that_of_the_whole_set(count: int, excludes: bool, csv_file: Path, puzzles: PuzzleSet) -> None:
    """The seed permutes all rows that are left; networks were trained on such draws, so they must never change."""
    exclude = puzzles.take(np.arange(3, 13)) if excludes else None
    rest = puzzles.take(np.r_[0:3, 13:60]) if excludes else puzzles
    order = np.random.default_rng(4).permutation(len(rest))[:count] if count < len(rest) else np.arange(count)
    found = load_puzzles(str(csv_file), S6, count=count, seed=4, exclude=exclude)
    assert np.array_equal(found.questions, rest.questions[order])
    assert np.array_equal(found.answers, rest.answers[order]) and found.distinct == count


def test_a_draw_encodes_only_what_it_draws(csv_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    true = Sudoku.encode_batch
    monkeypatch.setattr(
        Sudoku, "encode_batch", lambda self, texts, **how: encoded.append(len(texts)) or true(self, texts, **how)
    )
    load_puzzles(str(csv_file), S6, count=5)
    assert encoded == [5, 5], "five questions, five answers"


def test_the_draws_of_real_data_never_change(data_dir: Path) -> None:
    def digest(name: str, **draw: Any) -> str:
        found = load_puzzles(name, "sudoku9", **draw)
        parts = [found.questions, found.answers, *found.extra.values()]
        return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]

    assert digest("sx-proxy") == "c7296bff49cdc082"
    assert digest("sx-proxy", count=100, seed=3) == "eadfb06275a6536f"
    others = load_puzzles("sx-proxy", "sudoku9").take(slice(500, 1500))
    assert digest("sx-proxy", count=700, seed=1, exclude=others) == "d0f789923505c492"
    assert digest("sudoku-extreme-1k", count=500, seed=0) == "e65c46cdb280902d"


def test_puzzles_equivalent_to_excluded_ones_are_left_out(csv_file: Path, puzzles: PuzzleSet) -> None:
    symmetry = S6.random_symmetry(np.random.default_rng(3))
    taken = puzzles.take(slice(10))
    turned = PuzzleSet("sudoku6", S6.apply(symmetry, taken.questions), S6.apply(symmetry, taken.answers), "turned", 10)
    rest = load_puzzles(str(csv_file), S6, exclude=turned)
    assert np.array_equal(rest.questions, puzzles.questions[10:])
    made = load_puzzles("generated", S6, count=60, seed=5, exclude=turned)
    assert not np.isin(S6.fingerprint(made.questions), S6.fingerprint(taken.questions)).any()
    assert np.array_equal(made.questions[:50], puzzles.questions[10:])


def test_generated_puzzles_take_a_number_of_clues() -> None:
    easy = load_puzzles("generated", S6, count=5, seed=0, clues=20)
    assert ((easy.questions > 1).sum(1) >= 20).all()
    assert "20 clues" in easy.source and "generated" in easy.source


def test_the_real_training_rows(data_dir: Path) -> None:
    found = load_puzzles("sudoku-extreme-1k", "sudoku9")
    assert (len(found), found.distinct) == (1000, 1000)
    assert found.source == "Sudoku-Extreme, one public draw of 1,000 training rows"
    assert {"rating", "clues", "guesses"} <= set(found.extra)
    assert get_task("sudoku9").is_solved_batch(found.questions, found.answers).all()
    assert np.array_equal((found.questions > 1).sum(1), found.extra["clues"])


def test_the_proxy_holds_no_puzzle_equivalent_to_a_training_row(data_dir: Path) -> None:
    proxy = load_puzzles("sx-proxy", "sudoku9")
    assert len(proxy) == 5000 and "not comparable with published scores" in proxy.source
    training = load_puzzles("sudoku-extreme-1k", "sudoku9")
    assert len(load_puzzles("sx-proxy", "sudoku9", exclude=training)) == 5000


# --- the hub ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub whose cache holds one file at one commit; downloads are recorded in `asked`."""
    import huggingface_hub
    from huggingface_hub import constants

    cached = tmp_path / "snapshots" / "commit1" / "train.csv"
    cached.parent.mkdir(parents=True)
    cached.write_text("question,answer\n")
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "home"))
    asked = tmp_path / "asked"

    def fake(repo: str, file: str, *, repo_type: str, revision: str | None) -> str:
        with asked.open("a") as log:
            log.write(f"{repo} {file} {repo_type} {revision}\n")
        return str(cached)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fake)
    return cached


PUBLIC = DataSet("sudoku9", "A public set", "x/train.csv", "someone/sudoku", "train.csv")


def test_a_download_is_pinned_by_commit_and_checksum(hub: Path, tmp_path: Path) -> None:
    assert data.download(PUBLIC) == hub
    assert data.download(PUBLIC) == hub
    assert (tmp_path / "asked").read_text().splitlines() == [
        "someone/sudoku train.csv dataset None",
        "someone/sudoku train.csv dataset commit1",
    ]
    pins = json.loads((tmp_path / "home" / "trm_edu_pins.json").read_text())
    digest = hashlib.sha256(hub.read_bytes()).hexdigest()
    assert pins == {"someone/sudoku/train.csv": {"revision": "commit1", "sha256": digest}}
    hub.write_text("question,answer\nother\n")
    with pytest.raises(DataError, match="was recorded at the first download; delete the file to fetch it again"):
        data.download(PUBLIC)


def test_a_hub_out_of_reach_says_what_to_do(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fail(*args: object, **kwargs: object) -> str:
        raise LocalEntryNotFoundError("no connection")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(DataError) as caught:
        data.download(PUBLIC)
    message = str(caught.value)
    assert "A public set is neither in the hub's cache nor to be had from the hub (LocalEntryNotFoundError)" in message
    assert "put the file at x/train.csv in a folder and set TRM_EDU_DATA to that folder" in message


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "file.bin"
    write_whole(path, b"old")

    def full_disk(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(data.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path], "no litter"


# --- batches ----------------------------------------------------------------------------------------------------------


def test_tokens_become_int64(puzzles: PuzzleSet) -> None:
    tensor = as_tensor(puzzles.questions[::2], "cpu")
    assert tensor.dtype == torch.int64 and np.array_equal(tensor.numpy(), puzzles.questions[::2])


@pytest.mark.parametrize("augment", [False, True])
def test_the_stream_follows_its_seed(augment: bool, puzzles: PuzzleSet) -> None:
    def first(seed: int) -> torch.Tensor:
        stream = iter(BatchStream(puzzles, 16, seed=seed, device="cpu", augment=augment))
        return torch.stack([next(stream).inputs for _ in range(3)])

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))
    torch.manual_seed(77)
    assert torch.equal(first(1), first(1)), "the global generator has no say"


def test_question_and_answer_are_turned_together(puzzles: PuzzleSet) -> None:
    stream = BatchStream(puzzles, 200, seed=0, device="cpu")
    known = {row.tobytes() for row in puzzles.questions}
    for _ in range(3):
        batch = next(stream)
        inputs, labels = batch.inputs.numpy().astype(np.uint8), batch.labels.numpy().astype(np.uint8)
        assert S6.is_solved_batch(inputs, labels).all()
        assert np.isin(S6.fingerprint(inputs), S6.fingerprint(puzzles.questions)).all()
        assert sum(row.tobytes() in known for row in inputs) < 5, "turned, not copied"
        assert not batch.puzzle_ids.any() and len(batch.puzzle_ids) == 200


def test_without_augmentation_the_puzzles_are_drawn_as_they_are(puzzles: PuzzleSet) -> None:
    batch = next(BatchStream(puzzles, 600, seed=0, device="cpu", augment=False))
    row_of = {q.tobytes(): i for i, q in enumerate(puzzles.questions)}
    rows = [row_of[q.tobytes()] for q in batch.inputs.numpy().astype(np.uint8)]
    assert np.array_equal(batch.labels.numpy(), puzzles.answers[rows])
    assert len(set(rows)) == 60, "drawn with replacement, all of them"


def test_reveal_fills_in_right_answers_and_only_those() -> None:
    """With `reveal`, a batch shows a random share of the open cells; clues and labels stay, the source is untouched."""
    puzzles = load_puzzles("generated", "sudoku6", count=64, seed=0)
    plain = BatchStream(puzzles, 512, seed=3, device="cpu", augment=False)
    easier = BatchStream(puzzles, 512, seed=3, device="cpu", augment=False)
    easier.reveal = 1.0
    hidden, shown = next(plain), next(easier)
    assert torch.equal(hidden.labels, shown.labels)
    filled = shown.inputs != hidden.inputs
    assert torch.equal(shown.inputs[filled], shown.labels[filled])
    share = filled.sum(1) / (hidden.inputs != hidden.labels).sum(1)
    assert 0.45 < share.mean() < 0.55 and share.min() < 0.05 and share.max() > 0.95
    easier.reveal = 0.2
    assert ((next(easier).inputs != next(easier).labels).float().mean() > 0.5).item()

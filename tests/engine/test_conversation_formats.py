"""Conversations in files: known by what stands in them, every row kept or rejected with a reason, nothing guessed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.corpus.conversation import Conversation, Message
from engine.corpus.conversations import lines
from engine.corpus.conversations.checking import problem_of
from engine.corpus.conversations.formats.columns import PAIRS
from engine.corpus.conversations.reading import FORMATS, detect, read_conversations
from engine.corpus.conversations.rejected import Rejected
from engine.corpus.conversations.rows import SUFFIXES, read_rows
from engine.corpus.document import Position
from engine.errors import CutawayError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
ASKED = [{"role": "user", "content": "Where was Mira born?"}, {"role": "assistant", "content": "In Anvik."}]
SAID = [{"from": "human", "value": "Where was Mira born?"}, {"from": "gpt", "value": "In Anvik."}]
SOUND = (Message("user", "Where was Mira born?"), Message("assistant", "In Anvik."))


def _file(folder: Path, name: str, content: str | bytes | list[Any]) -> Path:
    path = folder / name
    if isinstance(content, list):
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _read(path: Path, **settings: Any) -> tuple[list[Conversation], list[Rejected]]:
    items = list(read_conversations([path], **settings))
    kept = [item for item in items if isinstance(item, Conversation)]
    return kept, [item for item in items if isinstance(item, Rejected)]


# --- which format it is, and why


@pytest.mark.parametrize(
    ("name", "content", "format", "reason"),
    [
        ("a.jsonl", [{"messages": ASKED}], "messages", 'Every row has a list "messages" whose items have role and'),
        ("a.jsonl", [ASKED], "messages", "Every row has a list of objects with role and content."),
        ("a.jsonl", [{"conversations": ASKED}], "messages", 'a list "conversations" whose items have role and content'),
        ("a.jsonl", [{"conversations": SAID}], "sharegpt", 'a list "conversations" whose items have from and value'),
        (
            "a.json",
            json.dumps([{"instruction": "Where was Mira born?", "input": "", "output": "In Anvik."}], indent=2),
            "alpaca",
            'Every row has "instruction", "input" and "output".',
        ),
        ("a.csv", "instruction,output\nWhere was Mira born?,In Anvik.\n", "alpaca", '"instruction" and "output"'),
        ("a.csv", "Question,Answer\nWhere was Mira born?,In Anvik.\n", "columns", 'a question in "Question" and'),
        ("a.tsv", "id\tprompt\tcompletion\n1\tWhere was Mira born?\tIn Anvik.\n", "columns", '"prompt" and its answer'),
        ("a.jsonl", [{"input": "Where was Mira born?", "output": "In Anvik."}], "columns", 'a question in "input"'),
        (
            "a.csv",
            "text,label\nWhere was Mira born?,In Anvik.\n",
            "labelled",
            'a text in "text" and its label in "label"',
        ),
        ("a.csv", "review,sentiment\nWhere was Mira born?,In Anvik.\n", "labelled", 'its label in "sentiment"'),
        (
            "a.jsonl",
            [{"text": "Where was Mira born?", "label": 3, "label_text": "In Anvik."}],
            "labelled",
            'its label in "label_text"',
        ),
        ("a.txt", "__label__In Where was Mira born?\n", "labelled", "a label that begins with __label__ before its"),
    ],
)
def test_a_format_is_known_by_its_rows(tmp_path: Path, name: str, content: Any, format: str, reason: str) -> None:
    path = _file(tmp_path, name, content)
    detected = detect(path)
    assert detected.format == format and reason in detected.reason
    [preview] = detected.preview
    assert preview.messages[0] == SOUND[0]
    kept, rejected = _read(path)
    assert (kept, rejected) == ([preview], [])
    if name != "a.txt":
        assert kept[0].messages == SOUND
    assert detect(path, format).reason == detected.reason
    assert kept[0].label == (kept[0].messages[-1].content if format == "labelled" else "")


def test_every_format_has_a_title() -> None:
    assert FORMATS.names() == ["alpaca", "columns", "labelled", "messages", "sharegpt"]
    assert all(FORMATS.load(name).TITLE for name in FORMATS.names())


def test_every_pair_of_columns_is_found_by_name(tmp_path: Path) -> None:
    for question, answer in PAIRS:
        path = _file(tmp_path, "a.jsonl", [{"id": 7, question: "Who?", answer: "Mira."}])
        assert _read(path)[0][0].messages == (Message("user", "Who?"), Message("assistant", "Mira."))


@pytest.mark.parametrize(
    ("name", "content", "seen"),
    [
        ("a.jsonl", [{"a": 1, "b": 2}], 'Its rows have the fields "a", "b".'),
        ("a.jsonl", [1, 2, 3], "Its first row is a number."),
        ("a.json", "[[], []]", "Its first row is a list."),
        ("a.csv", "Where was Mira born?,In Anvik.\nWho?,Mira.\n", 'fields "Where was Mira born?", "In Anvik."'),
        ("a.txt", "Once upon a time\n", "no line begins with __label__"),
    ],
)
def test_an_unknown_format_says_what_was_seen(tmp_path: Path, name: str, content: Any, seen: str) -> None:
    with pytest.raises(CutawayError) as caught:
        detect(_file(tmp_path, name, content))
    assert caught.value.what == f"The format of {name} is not known."
    assert seen in caught.value.why and "messages" in caught.value.remedy


@pytest.mark.parametrize(
    ("row", "remedy"),
    [
        ({"question": "q", "answer": "a", "response": "b"}, "Name the two columns that are meant."),
        ({"text": "t", "label": "l", "topic": "m"}, "Name the two columns that are meant."),
        ({"messages": ASKED, "prompt": "p", "response": "r"}, "Name the format (columns or messages) and the two"),
        ({"question": "q", "answer": "a", "text": "t", "label": "l"}, "Name the format (columns or labelled)"),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_guessed(tmp_path: Path, row: dict[str, Any], remedy: str) -> None:
    with pytest.raises(CutawayError, match="in more than one way") as caught:
        detect(_file(tmp_path, "a.jsonl", [row]))
    assert remedy in caught.value.remedy and '"' in caught.value.why


def test_format_and_columns_can_be_set(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.csv", "Class,Title,Body\nnews,One,Two\nfun,Three,Four\n")
    kept, _ = _read(path, format="labelled", columns=("Title", "Class"))
    assert [(item.messages[0].content, item.label) for item in kept] == [("One", "news"), ("Three", "fun")]
    kept, _ = _read(path, format="columns", columns=("Title", "Body"))
    assert [item.messages[1].content for item in kept] == ["Two", "Four"]
    with pytest.raises(CutawayError, match="columns or labelled"):
        detect(path, columns=("Title", "Body"))
    with pytest.raises(CutawayError, match='"Ttle" is not there'):
        detect(path, "columns", ("Ttle", "Body"))
    with pytest.raises(CutawayError, match=r'a\.csv is not in the format "alpaca"'):
        detect(path, "alpaca")
    with pytest.raises(CutawayError, match='There is no "alpacca"'):
        detect(path, "alpacca")


def test_a_few_odd_rows_do_not_hide_a_format(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.jsonl", [{"messages": ASKED}] * 2 + [{"other": 1}])
    assert detect(path).reason.startswith("2 of 3 rows have a list")
    assert len(_read(path)[0]) == 2


# --- what is kept of each


def test_messages_keep_calls_and_join_parts(tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
    turns = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "1 + "}, {"type": "text", "text": "1?"}]},
        {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None},
        {"role": "tool", "content": "2", "tool_call_id": "1"},
        {"role": "assistant", "content": "2.", "tool_calls": []},
        {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": "Welcome."},
    ]
    [conversation], _ = _read(_file(tmp_path, "a.jsonl", [{"messages": turns, "tools": []}]))
    assert conversation.messages[:3] == (
        Message("system", "Be brief."),
        Message("user", "1 + 1?"),
        Message("assistant", "", {"tool_calls": [call]}),
    )
    assert conversation.messages[3] == Message("tool", "2", {"tool_call_id": "1"})
    assert conversation.messages[4] == Message("assistant", "2.")
    assert (conversation.topic, conversation.source) == ("dialogue", "a.jsonl:1")
    assert Conversation.from_json(json.loads(json.dumps(conversation.to_json()))) == conversation


def test_what_cutaway_wrote_is_read_back(tmp_path: Path) -> None:
    written = [
        Conversation(SOUND, "world", accept=("In Anvik.", "She was born in Anvik."), topic="question"),
        Conversation((Message("user", "What a day!"), Message("assistant", "glad")), "b.csv:2", "glad", topic="glad"),
    ]
    rows = [conversation.to_json() for conversation in written]
    path = _file(tmp_path, "a.jsonl", rows)
    assert _read(path)[0] == [replace(item, source=f"a.jsonl:{n}") for n, item in enumerate(written, 1)]
    for row in rows:  # as somebody edits it
        row["messages"][-1]["content"] = "Else."
    assert [(item.label, item.accept) for item in _read(_file(tmp_path, "a.jsonl", rows))[0]] == [("", ())] * 2


def test_sharegpt_knows_its_speakers_and_tools(tmp_path: Path) -> None:
    turns = [
        {"from": "human", "value": "1 + 1?"},
        {"from": "function_call", "value": '{"name": "add", "arguments": {"a": 1, "b": 1}}'},
        {"from": "observation", "value": "2"},
        {"from": "gpt", "value": "2."},
    ]
    [conversation], _ = _read(_file(tmp_path, "a.jsonl", [{"conversations": turns, "system": "Be brief."}]))
    assert [message.role for message in conversation.messages] == ["system", "user", "assistant", "tool", "assistant"]
    calls = conversation.messages[2].extra["tool_calls"]
    assert calls == [{"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 1}}}]


def test_an_input_stands_below_its_instruction(tmp_path: Path) -> None:
    rows = [{"instruction": "Translate.", "input": "Katze", "output": "cat", "system": "Be brief."}]
    [conversation], _ = _read(_file(tmp_path, "a.jsonl", rows))
    assert [message.content for message in conversation.messages] == ["Be brief.", "Translate.\n\nKatze", "cat"]


def test_labels_are_words_and_whole_numbers(tmp_path: Path) -> None:
    rows = [{"text": f"t{n}", "label": label} for n, label in enumerate([1, True, " good ", "", 0.5, None, ["a"]])]
    kept, rejected = _read(_file(tmp_path, "a.jsonl", rows))
    assert [item.label for item in kept] == ["1", "true", "good"]
    assert [item.reason for item in rejected] == [
        'The label in "label" is empty.',
        'The label in "label" is 0.5: labels are words or whole numbers.',
        'The label in "label" is nothing (null), not a word.',
        'The label in "label" is a list, not a word.',
    ]


def test_lines_of_fasttext(tmp_path: Path) -> None:
    text = "__label__good What a day!\n\n__label__bad __label__wet Rain.\n__label__bad\nNothing.\n"
    text += "__label__bad Rain again.\n"
    kept, rejected = _read(_file(tmp_path, "a.txt", text))
    assert [(item.label, item.messages[0].content) for item in kept] == [
        ("good", "What a day!"),
        ("bad", "Rain again."),
    ]
    assert [(item.source, item.reason) for item in rejected] == [
        ("a.txt:3", "The line has more than one label; each text needs exactly one."),
        ("a.txt:4", "There is no text behind the label."),
        ("a.txt:5", "The line does not begin with __label__ and a label."),
    ]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data beside the project")
def test_a_real_file_of_questions_and_answers() -> None:
    path = SHARED / "gsm8k_train.jsonl"
    detected = detect(path)
    assert detected.format == "columns"
    assert detected.reason == 'Every row has a question in "question" and its answer in "answer".'
    assert len(detected.preview) == 3 and detected.preview[0].messages[1].content.endswith("#### 72")
    kept, rejected = _read(path)
    assert (len(kept), rejected) == (7473, [])
    assert kept[-1].source == "gsm8k_train.jsonl:7473"


# --- rows that are wrong


def test_wrong_rows_are_listed_with_line_and_cause(tmp_path: Path) -> None:
    lines = [
        json.dumps({"messages": ASKED}),
        '{"messages": [',
        "",
        json.dumps({"messages": ASKED[::-1]}),
        json.dumps({"messages": []}),
        json.dumps({"messages": "hello"}),
        json.dumps({"messages": ["hello"]}),
        json.dumps({"messages": [{"role": "user", "content": {"text": "hello"}}]}),
        json.dumps({"messages": [{"content": "hello"}]}),
        json.dumps({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
        json.dumps({"text": "hello"}),
        "[1]",
        '{"messages": NaN}',
        '{"messages": ' + "9" * 5000 + "}",
        '{"messages": ' + "[" * 100_000,
        json.dumps({"messages": [ASKED[0], {"role": "assistant", "content": "\ud800"}]}),
        json.dumps({"\ud800": 1}),
    ]
    path = _file(tmp_path, "a.jsonl", "\n".join(lines) + "\n")
    items = list(read_conversations([path], "messages"))
    assert len(items) == len(lines) - 1
    reasons = {item.source: item.reason for item in items if isinstance(item, Rejected)}
    assert reasons == {
        "a.jsonl:2": "This is not JSON: expecting value at character 15.",
        "a.jsonl:4": "Turn 1 is the assistant's, before any user's turn.",
        "a.jsonl:5": "It has no turns.",
        "a.jsonl:6": 'The field "messages" holds a text, not a list of turns.',
        "a.jsonl:7": "Turn 1 is a text, not an object.",
        "a.jsonl:8": "The content of turn 1 is an object, not a text.",
        "a.jsonl:9": "Turn 1 has no role.",
        "a.jsonl:10": 'Turn 1 holds a part that is no text ("image_url"); only text is read.',
        "a.jsonl:11": 'The row has no list of turns; it has "text".',
        "a.jsonl:12": "Turn 1 is a number, not an object.",
        "a.jsonl:13": "NaN is no number in JSON.",
        "a.jsonl:14": "A number in it has too many digits.",
        "a.jsonl:15": "The JSON is nested too deeply.",
        "a.jsonl:16": "The text holds half a character (a lone surrogate).",
        "a.jsonl:17": 'The row has no list of turns; it has "?".',
    }
    assert all(len(item.text) <= 200 for item in items if isinstance(item, Rejected))


def test_ragged_and_broken_rows_of_a_table(tmp_path: Path) -> None:
    text = (
        '\ufeffquestion,answer\r\n"Who,\nreally?",Mira.\r\nWho?\r\nWho?,Ivo,Oren\r\n\r\n"Who?" no,x\r\nWhat?,\r\n'
        'Who sings?,"Ivo.\nIt was \'Ivo\'."\r\n"open,x\r\n'
    )
    kept, rejected = _read(_file(tmp_path, "a.csv", text))
    assert [(item.source, item.messages[0].content) for item in kept] == [
        ("a.csv:2", "Who,\nreally?"),
        ("a.csv:9", "Who sings?"),
    ]
    assert [(item.source, item.reason) for item in rejected] == [
        ("a.csv:4", "The row has 1 column, but the first line names 2."),
        ("a.csv:5", "The row has 3 columns, but the first line names 2."),
        ("a.csv:7", "The row cannot be taken apart: ',' expected after '\"'."),
        ("a.csv:8", 'The field "answer" is empty.'),
        ("a.csv:11", "The row cannot be taken apart: unexpected end of data."),
    ]


def test_quotes_between_tabs_are_only_quotes(tmp_path: Path) -> None:
    path = _file(tmp_path, "a.tsv", 'text\tlabel\n"Well", she said\tgood\n"a ""b"", c"\tbad\n"\tbad\n')
    kept, rejected = _read(path)
    assert [item.messages[0].content for item in kept] == ['"Well", she said', 'a "b", c', '"']
    assert not rejected


@pytest.mark.parametrize("header", ["question,question\n", '"question\n', ",\n"])
def test_a_first_line_that_names_no_columns(tmp_path: Path, header: str) -> None:
    with pytest.raises(CutawayError, match=r"The first line of a\.csv cannot be used"):
        detect(_file(tmp_path, "a.csv", f"{header}Who?,Mira.\n"))


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    good = json.dumps({"messages": ASKED}).encode()
    kept, rejected = _read(
        _file(tmp_path, "a.jsonl", b"\xef\xbb\xbf" + good + b"\n" + good.replace(b"Mira", b"M\xe4ra"))
    )
    assert len(kept) == 1
    assert [(item.source, item.reason) for item in rejected] == [
        ("a.jsonl:2", "Byte 55 of the line is not UTF-8. Save the file as UTF-8.")
    ]
    kept, rejected = _read(_file(tmp_path, "a.csv", b"question,answer\nWho?,Mira.\nWho?,M\xe4ra\nWho?,Ivo.\n"))
    assert len(kept) == 2 and "Byte 7 of the line is not UTF-8" in rejected[0].reason
    assert rejected[0].source == "a.csv:3"


def test_a_json_list_is_read_item_by_item(tmp_path: Path) -> None:
    rows = [{"instruction": f"Say {'ä' * n}", "output": "ä" * n} for n in range(1, 400)]
    for text in (json.dumps(rows), json.dumps(rows, indent=2, ensure_ascii=False), "\ufeff \n" + json.dumps(rows)):
        kept, rejected = _read(_file(tmp_path, "a.json", text))
        assert [item.messages[1].content for item in kept] == ["ä" * n for n in range(1, 400)]
        assert not rejected
    assert kept[0].source == "a.json:2"


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ("", "The file ends before the list does. Nothing after it is read."),
        (',\n {"output": tru', "This is not JSON. Nothing after it is read."),
        (' {"output"', 'A "," is missing here. Nothing after it is read.'),
        ("] more", "Something stands behind the end of the list. Nothing after it is read."),
        (",\n [NaN]]", "NaN is no number in JSON. Nothing after it is read."),
    ],
)
def test_a_json_list_that_breaks_off_keeps_what_came_before(tmp_path: Path, tail: str, reason: str) -> None:
    row = json.dumps({"instruction": "Say a", "output": "a"})
    kept, rejected = _read(_file(tmp_path, "a.json", f"[{row},\n{row}{tail}"))
    assert len(kept) == 2
    assert [item.reason for item in rejected] == [reason]
    assert rejected[0].source == f"a.json:{3 if tail.startswith(',') else 2}"


def test_json_lines_may_be_called_json(tmp_path: Path) -> None:
    assert len(_read(_file(tmp_path, "a.json", [{"messages": ASKED}] * 3))[0]) == 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.csv", b"\xef\xbb\xbf\n \n", "is empty"),
        ("a.jsonl", b"\xff\xfe{\0", "UTF-16"),
        ("a.csv", b"a\0b", "binary data"),
        ("a.parquet", b"PAR1", 'Its name ends in ".parquet".'),
        ("a", b"text", "no ending"),
        ("a.jsonl", b'{"messages": [\n', "This is not JSON"),
        ("a.csv", b"question,answer\n", "There is no row in it"),
        ("a.jsonl", b'{"messages": [{"role": "user", "content": "?"}]}\n', "No turn is the assistant's"),
    ],
)
def test_files_that_hold_nothing_are_told(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    with pytest.raises(CutawayError, match=words):
        list(read_conversations([_file(tmp_path, name, content)]))


def test_paths_that_are_no_files_are_told(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "none.jsonl", "does not exist")):
        with pytest.raises(CutawayError, match=words):
            list(read_conversations([path]))
    with pytest.raises(CutawayError, match="No conversations were chosen"):
        list(read_conversations([]))


def test_several_files_are_told_apart(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        _file(tmp_path / folder, "a.jsonl", [{"messages": ASKED}])
    paths = [tmp_path / "one" / "a.jsonl", tmp_path / "two" / "a.jsonl"]
    assert [item.source for item in read_conversations(paths)] == [f"{path}:1" for path in paths]


def test_a_line_too_long_is_passed_over_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST_LINE_BYTES", 2**20)
    good = json.dumps({"messages": ASKED})
    kept, rejected = _read(_file(tmp_path, "a.jsonl", f'{good}\n{{"messages": "{"x" * 5_000_000}\n{good}\n'))
    assert [item.source for item in kept] == ["a.jsonl:1", "a.jsonl:3"]
    assert [(item.source, item.reason) for item in rejected] == [
        ("a.jsonl:2", "The line is longer than 1 MB. Break it into rows.")
    ]
    kept, rejected = _read(_file(tmp_path, "a.csv", f'question,answer\nWho?,"{"x" * 5_000_000}\nWho?,Mira.\n'))
    assert [item.source for item in kept] == ["a.csv:3"] and "longer than 1 MB" in rejected[0].reason


# --- anything at all


@given(st.sampled_from(SUFFIXES), st.binary(max_size=400))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_conversations_or_reasons(tmp_path: Path, suffix: str, data: bytes) -> None:
    path = _file(tmp_path, f"a{suffix}", data)
    for format in ("auto", "labelled"):
        try:
            items = list(read_conversations([path], format))
        except CutawayError as error:
            assert error.what and error.why and error.remedy
        else:
            assert all(isinstance(item, Rejected) or problem_of(item) is None for item in items)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-99, 99)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", "bot"]), "content": _VALUES},
        optional={"tool_calls": _VALUES, "name": _VALUES},
    )
    | st.fixed_dictionaries({"from": st.sampled_from(["human", "gpt", "observation"]), "value": _VALUES})
    | _VALUES,
    max_size=5,
)
_ROWS = _VALUES | st.dictionaries(
    st.sampled_from(["messages", "conversations", "instruction", "input", "output", "question", "answer", "label"]),
    _VALUES | _TURNS,
    max_size=4,
)


@given(st.lists(_ROWS, min_size=1, max_size=6), st.sampled_from(FORMATS.names()))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_is_kept_or_rejected(tmp_path: Path, rows: list[Any], format: str) -> None:
    rows = [{"messages": ASKED, "conversations": SAID, "instruction": "i", "output": "o"}, *rows]
    rows[0] |= {"question": "q", "answer": "a", "text": "t", "label": "l"}
    columns = {"columns": ("question", "answer"), "labelled": ("text", "label")}.get(format)
    for path in (_file(tmp_path, "a.jsonl", rows), _file(tmp_path, "a.json", json.dumps(rows))):
        items = list(read_conversations([path], format, columns))
        assert len(items) == len(rows)
        for item in items:
            if isinstance(item, Conversation):
                assert Conversation.from_json(json.loads(json.dumps(item.to_json()))) == item


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_table_holds_is_what_was_written(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    pairs = [tuple(cell.encode(errors="replace").decode().replace("\0", "") for cell in pair) for pair in pairs]
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([("question", "answer"), *pairs])
    rows = [
        row for row in read_rows(_file(tmp_path, "a.csv", stream.getvalue()), "a.csv") if not isinstance(row, Position)
    ]
    assert [tuple(row.value.values()) for row in rows] == pairs

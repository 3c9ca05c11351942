"""Paragraphs and messages: paired by their numbers, and nothing that is held out comes back by another way."""

import io
import struct
import tarfile

from training.data.libreoffice_help import parse, read_help, read_messages, split
from training.data.pairs import part_of

PAGE = """<h1 id="hd_id1" dir="auto">A <b>title</b></h1>
<p id="par_id2" class="x">Two   lines,
 one&nbsp;text &amp; more.</p><p id="par_id3"><img src="x"></p><p class="y">no number</p>"""


def of_files(contents: dict[str, bytes]) -> tarfile.TarFile:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as files:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            files.addfile(member, io.BytesIO(content))
    return tarfile.open(fileobj=io.BytesIO(buffer.getvalue()))


def catalogue(messages: dict[str, str]) -> bytes:
    """A compiled catalogue of messages (GNU gettext, .mo)."""
    pairs = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **messages}.items())
    texts = [text.encode() for source, target in pairs for text in (source, target)]
    places, at = [], 28 + 16 * len(pairs)
    for text in texts:
        places.append((len(text), at))
        at += len(text) + 1
    tables = [value for side in (0, 1) for place in places[side::2] for value in place]
    header = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return header + struct.pack(f"<{len(tables)}I", *tables) + b"".join(text + b"\0" for text in texts)


def test_paragraphs_are_plain_text_with_their_numbers():
    assert list(parse(PAGE)) == [("hd_id1", "A title"), ("par_id2", "Two lines, one text & more.")]


def test_pages_of_one_language_are_read_in_the_order_of_their_names():
    top = "./usr/share/libreoffice/help"
    files = of_files({f"{top}/es/text/b.html": PAGE.encode(), f"{top}/es/text/a/a.html": b'<p id="par_id9">x</p>'})
    assert list(read_help(files, "es")) == [("a/a.html", "par_id9"), ("b.html", "hd_id1"), ("b.html", "par_id2")]
    assert read_help(files, "en-US") == {}


def test_messages_lose_their_context_and_their_keys():
    said = {"menu\x04~Open _file": "~Abrir _archivo", "a\x04two\nlines": "dos", "b\x04same": "same", "c\x04123": "124"}
    files = of_files({"./usr/lib/x.mo": catalogue(said), "./usr/lib/x.txt": b""})
    assert read_messages(files) == [("Open file", "Abrir archivo")]


def test_what_is_held_out_is_not_learned_from():
    pages = {part: next(f"{n}.html" for n in range(500) if part_of(f"{n}.html") == part) for part in ("train", "test")}
    train, test = (pages[part] for part in ("train", "test"))
    english = {
        (train, "1"): "Close",
        (train, "2"): "the same in both",
        (test, "1"): "Opens the list of all files here.",
        (test, "2"): "Close",
        (test, "3"): "Too short",
    }
    spanish = {key: f"es {text}" for key, text in english.items()} | {(train, "2"): "the same in both"}
    messages = [
        ("Hint: opens the list of all files", "uno"),
        ("Another", "Es opens the list of all files"),
        ("Opens the list", "dos"),
    ]
    text = split(english, spanish, messages)
    assert [pair.source for pair in text.train] == ["Close", "Opens the list"]
    assert [pair.source for pair in text.test] == ["Opens the list of all files here."]

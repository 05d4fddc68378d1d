"""A PMML file before Java sees it: its text, once it is proved to be plain XML of a version that can be read.

PMML4S reads XML by Java's own StAX reader, which would follow a document type declaration to files and addresses. No
PMML since 3.0 needs one, so every file with one is refused here, by expat and before anything is resolved; Java is
given the very characters that expat has seen, so that no encoding can be read in two ways.
"""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

from airgate_serving.errors import BadModelFile, DangerousModelFile
from airgate_serving.formats.interface import Library
from airgate_serving.formats.versions import PMML, PMML_OLDEST, find_installed, read_numbers, require_readable

MOST_BYTES = 256 * 1024 * 1024  # Java needs some ten times as much for what it makes of them
MOST_DEPTH = 400  # elements within elements: each is a call within a call in Java
BLOCK = 1024 * 1024  # characters
ENCODINGS = {"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "gb18030"}
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
DECLARED = re.compile(rb"""^<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
HINT = "Export the model again as PMML 4.x, by the tool that trained it."


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a file, without its XML declaration, and what its root element says of its version."""

    text: str
    library: Library


def read_document(path: Path) -> Document:
    """Return a file's text. Raises BadModelFile, DangerousModelFile or MissingLibrary with one sentence."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise BadModelFile(
            f"The file has {size // BLOCK} MiB; PMML is read up to {MOST_BYTES // BLOCK} MiB.",
            "Export a smaller model, or to ONNX.",
        )
    text = decode(path.read_bytes())
    version = _Check(text).run()
    library = Library(PMML, version, find_installed(PMML))
    require_known(library)
    return Document(DECLARATION.sub("", text, count=1), library)


def decode(content: bytes) -> str:
    """Return the characters, by the byte order mark or the declared encoding. Raises BadModelFile."""
    mark = next((name for mark, name in MARKS.items() if content.startswith(mark)), "")
    declared = DECLARED.match(content)
    name = mark or (declared.group(1).decode() if declared else "utf-8")
    try:
        known = codecs.lookup(name).name
        if known not in {*ENCODINGS, "utf-8-sig"}:
            raise LookupError(name)
        return content.decode(known)
    except (LookupError, UnicodeDecodeError) as error:
        raise BadModelFile(f"The file is not text of the encoding {name[:40]!r}.", "Save it as UTF-8.") from error


def require_known(library: Library) -> None:
    """Raise BadModelFile for a version that is too old or none, MissingLibrary for one that is too new."""
    found = read_numbers(library.in_file)
    if not found or found < read_numbers(PMML_OLDEST):
        raise BadModelFile(
            f"The file is of PMML {library.in_file[:20] or 'without a version'}; this runtime reads {PMML_OLDEST} to "
            f"{library.installed}.",
            HINT,
        )
    require_readable((library,))


class _Check:
    """One pass of expat over a text, which keeps nothing of it but the version."""

    def __init__(self, text: str) -> None:
        self._text, self._depth, self._version = text, 0, ""
        self._parser = expat.ParserCreate("utf-8", namespace_separator="}")
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close

    def run(self) -> str:
        """Return the version at the root. Raises BadModelFile or DangerousModelFile."""
        try:
            for place in range(0, len(self._text), BLOCK):
                self._parser.Parse(self._text[place : place + BLOCK].encode("utf-8", "surrogatepass"))
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise BadModelFile(f"The file is not well-formed XML: {error}.", HINT) from error
        return self._version

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        if not self._depth:
            self._version = _read_root(name, attributes)
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise BadModelFile(
                f"The file has elements more than {MOST_DEPTH} deep, which no reader of PMML would come back from.",
                "Train a tree that is less deep, or export it to ONNX.",
            )

    def _close(self, _name: str) -> None:
        self._depth -= 1


def _read_root(name: str, attributes: dict[str, str]) -> str:
    local = name.rpartition("}")[2]
    if local != "PMML":
        raise BadModelFile(f"The file is XML of another kind: its root is {local[:40]!r}, not PMML.", HINT)
    return attributes.get("version", "")


def _refuse_doctype(*_declaration: Any) -> None:
    raise DangerousModelFile(
        "The file has a document type declaration (DOCTYPE), by which XML can reach for files and addresses, so it "
        "was not opened.",
        "Remove the line <!DOCTYPE …>; PMML from 3.0 on is described by a schema and needs none.",
    )

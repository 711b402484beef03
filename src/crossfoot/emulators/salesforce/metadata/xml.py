"""XML as metadata and SOAP carry it: a tree that knows its lines, without document types or entities (SF 8.2, 8.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

METADATA = "http://soap.sforce.com/2006/04/metadata"
DEPTH_MAX = 60
ELEMENTS_MAX = 500_000


class XmlError(Exception):
    """A text is not the XML that was wanted; ``line`` and ``column`` tell where."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


@dataclass(slots=True)
class Element:
    """One element by its local name. ``text`` is stripped; attributes keep their local names too."""

    tag: str
    line: int = 0
    column: int = 0
    namespace: str = ""
    text: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        return [each for each in self.children if each.tag == tag]

    def one(self, tag: str) -> Element | None:
        return next((each for each in self.children if each.tag == tag), None)

    def get(self, tag: str, default: str = "") -> str:
        """The text of a child; the default when there is none or it is empty."""
        found = self.one(tag)
        return found.text if found is not None and found.text else default

    def texts(self, tag: str) -> list[str]:
        return [each.text for each in self.children if each.tag == tag]

    def is_true(self, tag: str) -> bool:
        return self.get(tag).lower() in {"true", "1"}

    def descendants(self) -> Iterator[Element]:
        for each in self.children:
            yield each
            yield from each.descendants()


def parse_xml(text: bytes) -> Element:
    """The root element. A document type declaration is refused: nothing here needs one, and entities can be bombs."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    reader = _Reader(parser)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = reader.refuse_doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise XmlError(expat.ErrorString(error.code), error.lineno, error.offset + 1) from error
    return reader.root.children[0]


class _Reader:
    def __init__(self, parser: expat.XMLParserType) -> None:
        self.root = Element("")
        self._parser = parser
        self._open = [self.root]
        self._texts: list[list[str]] = [[]]
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        line, column = self._place()
        self._count += 1
        if self._count > ELEMENTS_MAX or len(self._open) > DEPTH_MAX:
            raise XmlError("the document is too large", line, column)
        namespace, _, tag = name.rpartition(" ")
        local = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        made = Element(tag, line, column, namespace, attributes=local)
        self._open[-1].children.append(made)
        self._open.append(made)
        self._texts.append([])

    def end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop()).strip()

    def characters(self, text: str) -> None:
        self._texts[-1].append(text)

    def refuse_doctype(self, *_: object) -> None:
        raise XmlError("a document type declaration is not allowed", *self._place())

    def _place(self) -> tuple[int, int]:
        return self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1


def write_xml(element: Element, indent: str = "") -> str:
    """An element as indented text, one form for one content: what is stored and compared."""
    if not element.children:
        return (
            f"{indent}<{element.tag}>{escape(element.text)}</{element.tag}>\n"
            if element.text
            else f"{indent}<{element.tag}/>\n"
        )
    inner = "".join(write_xml(each, indent + "    ") for each in element.children)
    return f"{indent}<{element.tag}>\n{inner}{indent}</{element.tag}>\n"


def document(tag: str, inner: str) -> bytes:
    """A metadata file of that root element around its written children."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="{METADATA}">\n{inner}</{tag}>\n'.encode()


def inner_xml(element: Element) -> str:
    return "".join(write_xml(each, "    ") for each in element.children)


def leaf(tag: str, text: object) -> Element:
    shown = ("true" if text else "false") if isinstance(text, bool) else str(text)
    return Element(tag, text=shown)

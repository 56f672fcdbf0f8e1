"""XMP packets: properties taken out, put in and moved; every other byte stays as it is.

A packet is RDF in XML. expat tells where in its bytes the properties of the picture stand, which
are attributes and children of the descriptions below `rdf:RDF`; what is inside of one is not looked
at. Whoever reads a packet that is no such XML, or declares entities, raises XmpError.

Sources: XMP part 1 (ISO 16684-1), 7; XMP part 3, 1.1.3.1 (the extended packet of a JPEG).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

Name = tuple[str, str]  # namespace and local name

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_SYNTAX = (RDF, "http://www.w3.org/XML/1998/namespace", "")  # attributes that are no properties
_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_TAG = re.compile(rb"<[^\s/>]+((?:" + _ATTRIBUTE.pattern + rb")*)\s*/?>")
_MAX_NAMESPACES = 200  # that hold at one place; it bounds the work on a crafted packet
_BLANKS = b" \t\r\n\0"
_EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="%b"></rdf:RDF></x:xmpmeta>'
    b'<?xpacket end="w"?>' % RDF.encode()
)


class XmpError(ValueError):
    """A packet that is no XML, or no RDF."""


@dataclass(frozen=True)
class Property:
    """A property of the picture and where it stands in the packet."""

    name: Name
    start: int
    end: int
    text: str  # of an attribute or a simple element; of a structure all text in it
    is_attribute: bool
    namespaces: Mapping[str, str]  # by prefix, those that hold around it


@dataclass(frozen=True)
class Packet:
    """A packet in UTF-8 with its properties, in the order of its bytes."""

    data: bytes
    properties: tuple[Property, ...]
    end: int  # where a further description may be put
    about: str  # what all descriptions are about, most often nothing


def parsed(data: bytes) -> Packet:
    """Find the properties of a packet; it may be in UTF-16, and padded by zeros."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or 0 in data[:2]:
        order = "utf-16-le" if data[:2] == b"\xff\xfe" or data[1:2] == b"\0" else "utf-16-be"
        data = data.decode(order, "replace").lstrip("\ufeff").rstrip("\0").encode()
    finder = _Finder(data.rstrip(b"\0"))
    if finder.end is None:
        raise XmpError("it holds no RDF")
    found = sorted(finder.properties, key=lambda each: each.start)
    return Packet(finder.data, tuple(found), finder.end, finder.about)


class _Finder:
    """Expat's handlers, and what they have found."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.properties: list[Property] = []
        self.end: int | None = None
        self.about = ""
        self._depth = 0
        self._rdf = 0  # the depth of rdf:RDF, once it is met
        self._prefixes: dict[str, list[str]] = {}
        self._open: tuple[Name, int, int, dict[str, str]] | None = None
        self._text: list[str] = []
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.namespace_prefixes = True
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._finish
        parser.CharacterDataHandler = self._text.append
        parser.StartNamespaceDeclHandler = self._declare
        parser.EndNamespaceDeclHandler = self._forget
        parser.StartDoctypeDeclHandler = self._refuse
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise XmpError(f"it is no well-formed XML: {error}") from error

    def _refuse(self, *_: object) -> None:
        raise XmpError("it declares a document type")

    def _declare(self, prefix: str | None, namespace: str | None) -> None:
        self._prefixes.setdefault(prefix or "", []).append(namespace or "")

    def _forget(self, prefix: str | None) -> None:
        stack = self._prefixes[prefix or ""]
        stack.pop()
        if not stack:
            del self._prefixes[prefix or ""]

    def _start(self, element: str, attributes: list[str]) -> None:
        self._depth += 1
        name, position = _name(element), self._parser.CurrentByteIndex
        if name == (RDF, "RDF") and not self._rdf:
            self._rdf = self._depth
        elif self._rdf and self._depth == self._rdf + 1:
            self._describe(position, attributes)
        elif self._rdf and self._depth == self._rdf + 2:
            self._text.clear()
            self._open = name, position, self._tag(position).end(), self._namespaces()

    def _describe(self, position: int, attributes: list[str]) -> None:
        tag, namespaces = self._tag(position), self._namespaces()
        found = _ATTRIBUTE.finditer(self.data, tag.start(1), tag.end(1))
        spans = {each[1]: each.span() for each in found}
        for key, text in zip(attributes[::2], attributes[1::2], strict=True):
            name = _name(key)
            if name[0] not in _SYNTAX:
                prefix = key.split(" ")[2]
                span = spans[f"{prefix}:{name[1]}".encode()]
                self.properties.append(Property(name, *span, text, True, namespaces))
            elif name in ((RDF, "about"), ("", "about")) and not self.about:
                self.about = text

    def _finish(self, element: str) -> None:
        position = self._parser.CurrentByteIndex
        if self._rdf and self._depth == self._rdf:
            if not self.data.startswith(b"</", position):
                raise XmpError("its RDF is empty")
            self.end, self._rdf = position, -1
        elif self._open and self._depth == self._rdf + 2:
            name, start, end, namespaces = self._open
            if self.data[end - 2 : end] != b"/>":
                end = self.data.index(b">", position) + 1
            text = "".join(self._text).strip()
            self.properties.append(Property(name, start, end, text, False, namespaces))
            self._open = None
        self._depth -= 1

    def _tag(self, position: int) -> re.Match[bytes]:
        tag = _TAG.match(self.data, position)
        if tag is None:
            raise XmpError("it is in an encoding that is not supported")
        return tag

    def _namespaces(self) -> dict[str, str]:
        if len(self._prefixes) > _MAX_NAMESPACES:
            raise XmpError(f"it declares more than {_MAX_NAMESPACES} namespaces")
        return {prefix: stack[-1] for prefix, stack in self._prefixes.items()}


def _name(key: str) -> Name:
    """Take expat's "namespace local prefix" apart; what has no namespace is a name alone."""
    namespace, _, rest = key.rpartition(" ") if key.count(" ") == 1 else key.partition(" ")
    return (namespace, rest.split(" ")[0]) if rest else ("", namespace)


def without(data: bytes, is_out: Callable[[Name], bool]) -> tuple[bytes, list[Property]]:
    """Take properties out; return the packet, byte for byte where there are none, and them."""
    packet = parsed(data)
    out = [each for each in packet.properties if is_out(each.name)]
    return (_cut(packet, out) if out else data), out


def with_properties(
    data: bytes | None, values: Mapping[Name, str], prefixes: Mapping[str, str]
) -> bytes:
    """Set properties to simple values, in a description of their own at the end.

    `prefixes` gives each of their namespaces a prefix. Without a packet one is made.
    """
    data, _ = without(data or _EMPTY, lambda name: name in values)
    packet = parsed(data)
    inner = "".join(
        f"<{prefixes[space]}:{local}>{escape(text)}</{prefixes[space]}:{local}>"
        for (space, local), text in values.items()
    )
    used = {prefixes[space]: space for space, _ in values}
    return _put(packet, _description(packet.about, used, b"", inner.encode()))


def merged(data: bytes, extension: bytes) -> bytes:
    """Put all properties of another packet into one."""
    packet, other = parsed(data), parsed(extension)
    return _put(packet, _descriptions(other, other.properties, packet.about))


def divided(data: bytes, limit: int) -> tuple[bytes, bytes | None] | None:
    """Move the largest properties to a packet of their own, so that `limit` bytes hold the rest.

    The blanks that programs leave for changes go. The second packet is None where nothing has to
    be moved; nothing is returned where the rest would be larger, too.
    """
    content, end, trailer = data.rpartition(b"<?xpacket end")
    data = content.rstrip(_BLANKS) + end + trailer.rstrip(_BLANKS)
    packet, moved = parsed(data), list[Property]()
    left = len(packet.data)
    for each in sorted(packet.properties, key=lambda each: each.start - each.end):
        if left <= limit:
            break
        moved.append(each)
        left -= each.end - each.start
    if left > limit:
        return None
    if not moved:
        return packet.data, None
    moved.sort(key=lambda each: each.start)
    empty = parsed(_EMPTY)
    return _cut(packet, moved), _put(empty, _descriptions(packet, moved, packet.about))


def _cut(packet: Packet, out: Sequence[Property]) -> bytes:
    edges = [0, *(edge for each in out for edge in (each.start, each.end)), len(packet.data)]
    return b"".join(packet.data[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))


def _put(packet: Packet, description: bytes) -> bytes:
    return packet.data[: packet.end] + description + packet.data[packet.end :]


def _descriptions(packet: Packet, properties: Iterable[Property], about: str) -> bytes:
    """Write properties into descriptions that declare the namespaces which held around them."""
    groups: dict[tuple[tuple[str, str], ...], list[Property]] = {}
    for each in properties:
        groups.setdefault(tuple(each.namespaces.items()), []).append(each)
    done = b""
    for namespaces, members in groups.items():
        parts = {
            kind: b"".join(packet.data[m.start : m.end] for m in members if m.is_attribute == kind)
            for kind in (True, False)
        }
        done += _description(about, dict(namespaces), parts[True], parts[False])
    return done


def _description(
    about: str, namespaces: Mapping[str, str], attributes: bytes, inner: bytes
) -> bytes:
    """Write one description; `rdf` is declared anew, for a packet may call it otherwise."""
    declared = "".join(
        f" xmlns{':' * bool(prefix)}{prefix}={quoteattr(space)}"
        for prefix, space in {**namespaces, "rdf": RDF}.items()
        if prefix != "xml"
    )
    head = f"<rdf:Description rdf:about={quoteattr(about)}{declared}".encode()
    return head + attributes + b">" + inner + b"</rdf:Description>"

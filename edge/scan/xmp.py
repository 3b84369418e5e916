"""The XMP packet of a photo: what drone makers write about the flight, as a flat table of texts.

A packet is XML from a file that anybody may have made. Python's expat reads it as it comes, in one pass: a
document type (the only way to define entities, and so to make a small file swell) is refused, and so are
packets that are large or deeply nested. Nothing else of XML's is in use in XMP.
"""

from __future__ import annotations

from xml.parsers import expat

LARGEST_PACKET_BYTES = 1_000_000  # a JPEG segment holds 65,533; other formats set no limit
DEEPEST = 24
MOST_VALUES = 5000

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
# By these the table goes, whatever prefix the file gives them. Newer Autel firmware writes DJI's tags.
_PREFIXES = {
    "http://www.dji.com/drone-dji/1.0": "drone-dji",
    "http://www.parrot.com/drone-parrot/1.0": "drone-parrot",
    "https://www.skydio.com/drone-skydio/1.0": "drone-skydio",
    "http://pix4d.com/camera/1.0": "Camera",
    "http://ns.adobe.com/tiff/1.0": "tiff",
}


class BadXmpError(ValueError):
    """A packet that cannot be read; the message says why."""


def read_xmp(packet: bytes) -> dict[str, str]:
    """``{"drone-dji:GimbalYawDegree": "-67.60", ...}``; a field of a structure is ``name/field``.

    Values of a list are joined by commas. Raises BadXmpError.
    """
    if len(packet) > LARGEST_PACKET_BYTES:
        raise BadXmpError(f"it is larger than {LARGEST_PACKET_BYTES} bytes")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.namespace_prefixes = True
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    try:
        # Writers pad the packet with blanks and zero bytes.
        parser.Parse(packet.strip(b"\0 \t\r\n"), True)
    except expat.ExpatError as error:
        raise BadXmpError(f"it is not XML ({error})") from error
    return reader.values


def _refuse(*_: object) -> None:
    raise BadXmpError("it declares a document type, which XMP never does")


class _Reader:
    """Element by element: keeps the path of names that are not RDF's own, and the text of the innermost."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self._path: list[str | None] = []
        self._text = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= DEEPEST:
            raise BadXmpError("it is nested too deeply")
        self._path.append(_name(name))
        self._text = ""
        for attribute, value in attributes.items():
            field = _name(attribute)
            if field is not None:
                self._keep(self._key(field), value)

    def end(self, _: str) -> None:
        text = self._text.strip()
        self._text = ""
        if text and (key := self._key(None)):
            self._keep(key, text)
        self._path.pop()

    def text(self, data: str) -> None:
        self._text += data

    def _key(self, field: str | None) -> str:
        names = [name for name in (*self._path, field) if name is not None]
        # Fields of a structure are in the namespace of the structure: say it once.
        return "/".join(name if i == 0 else name.rsplit(":", 1)[-1] for i, name in enumerate(names))

    def _keep(self, key: str, value: str) -> None:
        if len(self.values) >= MOST_VALUES:
            raise BadXmpError("it holds too many values")
        before = self.values.get(key)
        self.values[key] = value.strip() if before is None else f"{before},{value.strip()}"


def _name(name: str) -> str | None:
    """``prefix:local``; None for RDF's and XMP's own brackets."""
    parts = name.split(" ")
    if len(parts) == 1:
        return None  # rdf:about without a prefix, xml:lang and the like
    uri, local = parts[0], parts[1]
    if uri in (_RDF, "adobe:ns:meta/", "http://www.w3.org/XML/1998/namespace"):
        return None
    prefix = _PREFIXES.get(uri.rstrip("/"), parts[2] if len(parts) > 2 else "")
    return f"{prefix}:{local}"

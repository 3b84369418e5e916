"""Text that XML can hold: escaping it is the library's, what XML has no way to say is left out here."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Without the characters that XML 1.0 forbids, even escaped."""
    return _NOT_IN_XML.sub("", text)


def add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    """A child with text and attributes, whatever is in them."""
    child = ET.SubElement(parent, name, {key: xml_text(value) for key, value in attributes.items()})
    child.text = xml_text(text) or None
    return child


def document(root: ET.Element) -> bytes:
    """As UTF-8 with a declaration."""
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text

"""An XMP packet read by a second library."""

from xml.etree import ElementTree

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def properties(packet: bytes) -> dict[str, str]:
    """What ElementTree finds of simple values and texts, by qualified name."""
    found: dict[str, str] = {}
    for description in ElementTree.fromstring(packet.rstrip(b"\0")).iter(f"{{{RDF}}}Description"):
        found |= {k: v for k, v in description.attrib.items() if k != f"{{{RDF}}}about"}
        found |= {child.tag: "".join(child.itertext()) for child in description}
    return found

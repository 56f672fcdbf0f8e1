import pytest
from made.xmp_values import properties

from colorize_cli.photos import xmp
from colorize_cli.photos.xmp import RDF, XmpError

DC = "http://purl.org/dc/elements/1.1/"
RATING = "http://ns.adobe.com/xap/1.0/"
PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="{RDF}">\n'
    f"<r:Description r:about='uuid:1' xmlns:dc='{DC}' xmlns:xap = '{RATING}' xap:Rating=\"4\"\n"
    " dc:format = 'a > b'><dc:title><r:Alt><r:li xml:lang='x-default'>Käthe &amp; Co</r:li>"
    "</r:Alt></dc:title><dc:source/></r:Description>\n"
    f"<!-- dc:format --><r:Description r:about='uuid:1' xmlns:dc='{DC}' dc:rights='mine'/>"
    '</r:RDF></x:xmpmeta>   <?xpacket end="w"?>'
).encode()


def test_properties_are_found_as_attributes_and_elements() -> None:
    found = {each.name: each.text for each in xmp.parsed(PACKET).properties}
    assert {f"{{{space}}}{local}": text for (space, local), text in found.items()} == properties(
        PACKET
    )
    assert xmp.parsed(PACKET).about == "uuid:1"


@pytest.mark.parametrize("name", ["format", "title", "source", "rights"])
def test_a_property_is_cut_out_and_every_other_byte_stays(name: str) -> None:
    left, out = xmp.without(PACKET, lambda each: each == (DC, name))
    assert [each.name[1] for each in out] == [name]
    expected = properties(PACKET)
    del expected[f"{{{DC}}}{name}"]
    assert properties(left) == expected
    start = out[0].start
    assert left[:start] == PACKET[:start]
    assert left[start:] == PACKET[out[0].end :]


def test_a_packet_without_the_property_is_not_touched() -> None:
    assert xmp.without(PACKET, lambda name: name[1] == "none") == (PACKET, [])


def test_values_are_set_and_replace_former_ones() -> None:
    values = {(DC, "rights"): 'no <"one"> & all', ("urn:x/", "Seed"): "7"}
    packet = xmp.with_properties(PACKET, values, {DC: "d", "urn:x/": "x"})
    expected = properties(PACKET) | {f"{{{DC}}}rights": 'no <"one"> & all', "{urn:x/}Seed": "7"}
    assert properties(packet) == expected
    again = xmp.with_properties(packet, {("urn:x/", "Seed"): "8"}, {"urn:x/": "x"})
    assert properties(again) == expected | {"{urn:x/}Seed": "8"}
    made = xmp.with_properties(None, values, {DC: "d", "urn:x/": "x"})
    assert properties(made)["{urn:x/}Seed"] == "7"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf_16_is_read(encoding: str) -> None:
    packet = PACKET.decode().replace("\ufeff", "").encode(encoding) + b"\0\0"
    assert properties(xmp.with_properties(packet, {}, {})) == properties(PACKET)


def test_a_packet_is_divided_and_joined_again() -> None:
    large = xmp.with_properties(PACKET, {("urn:x/", "Large"): "l" * 9000}, {"urn:x/": "x"})
    parts = xmp.divided(large, 1500)
    assert parts is not None
    main, rest = parts
    assert len(main) <= 1500
    assert rest is not None
    assert properties(rest) == {"{urn:x/}Large": "l" * 9000}
    assert properties(main) == properties(PACKET)
    assert properties(xmp.merged(main, rest)) == properties(large)
    tiny = xmp.divided(large, 700)  # titles and attributes move with the namespaces they need
    assert tiny is not None
    assert tiny[1] is not None
    assert properties(xmp.merged(tiny[0], tiny[1])) == properties(large)
    assert xmp.divided(large, 100) is None


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0",
        b"plain text",
        b"<a/>",
        PACKET[:300],
        PACKET.replace("ä".encode(), b"\xe4"),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + PACKET[PACKET.index(b"<x:") :],
        f'<r:RDF xmlns:r="{RDF}"/>'.encode(),
    ],
)
def test_what_is_no_packet_is_refused(packet: bytes) -> None:
    with pytest.raises(XmpError):
        xmp.parsed(packet)


def test_a_crafted_packet_takes_no_more_than_its_share() -> None:
    many = "".join(f" xmlns:n{i}='urn:{i}/'" for i in range(300))
    packet = PACKET.replace(b"<r:Description", b"<r:Description" + many.encode(), 1)
    with pytest.raises(XmpError, match="more than 200 namespaces"):
        xmp.parsed(packet)
    blanks = PACKET.replace(b"<!--", b"<!--" + b" " * 200_000)  # quadratic in a careless pattern
    assert xmp.divided(blanks, 1000) is None

"""The XMP packet is read whatever way a maker writes it, and no packet can do harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial.transform import Rotation

from edge.scan.makers import photo_record
from edge.scan.xmp import DEEPEST, LARGEST_PACKET_BYTES, BadXmpError, read_xmp
from tests.edge.scan.drone_photos import RDF, described, shot, skydio

DJI = 'xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"'


def test_attributes_and_elements_are_the_same() -> None:
    attribute = described(f'{DJI} drone-dji:GimbalYawDegree="-131.70"')
    element = described(DJI, "<drone-dji:GimbalYawDegree>-131.70</drone-dji:GimbalYawDegree>")
    wanted = {"drone-dji:GimbalYawDegree": "-131.70"}
    assert read_xmp(attribute.encode()) == read_xmp(element.encode()) == wanted


def test_a_tag_goes_by_its_namespace_and_not_by_the_files_prefix() -> None:
    packet = described('xmlns:ns1="http://www.dji.com/drone-dji/1.0/" ns1:RtkFlag="50"')
    assert read_xmp(packet.encode()) == {"drone-dji:RtkFlag": "50"}


def test_structures_in_both_of_skydios_ways() -> None:
    new, old = (read_xmp(skydio(shot(), old=old).encode()) for old in (False, True))
    for name in ("CameraOrientationNED/Pitch", "CalibratedFocalLength/X"):
        assert new[f"drone-skydio:{name}"] == old[f"drone-skydio:{name}"]


def test_a_list_is_joined_by_commas() -> None:
    values = "<rdf:Seq><rdf:li>3.2</rdf:li><rdf:li>2.4</rdf:li></rdf:Seq>"
    body = f"<Camera:PrincipalPoint>{values}</Camera:PrincipalPoint>"
    packet = described('xmlns:Camera="http://pix4d.com/camera/1.0"', body)
    assert read_xmp(packet.encode()) == {"Camera:PrincipalPoint": "3.2,2.4"}


def test_padding_around_the_packet_does_not_matter() -> None:
    packet = described(f'{DJI} drone-dji:RtkFlag="50"').encode()
    assert read_xmp(b"\n" + packet + b"   \n\0\0") == {"drone-dji:RtkFlag": "50"}


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
            + RDF.format("<rdf:Description>&b;</rdf:Description>")[39:].encode(),
            "document type",
        ),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "document type"),
        (b"<a>" * (DEEPEST + 1), "nested too deeply"),
        (b" " * LARGEST_PACKET_BYTES + b"<a/>", "larger than"),
        (b"", "not XML"),
        (b"GimbalYawDegree=12", "not XML"),
        (b"<x:a/>", "not XML"),
    ],
)
def test_what_is_no_honest_packet_is_refused_with_a_reason(packet: bytes, why: str) -> None:
    with pytest.raises(BadXmpError, match=why) as caught:
        read_xmp(packet)
    assert "\n" not in str(caught.value)


@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8))
def test_damage_gives_a_table_or_a_reason(hits: list[tuple[float, int]]) -> None:
    packet = bytearray(skydio(shot()).encode())
    for place, value in hits:
        packet[int(place * len(packet))] = value
    try:
        tags = read_xmp(bytes(packet))
    except BadXmpError:
        return
    photo_record(Image.Exif(), tags, None)  # does not fail on whatever is in there


def test_pix4ds_angles_are_the_ones_in_north_east_down() -> None:
    """Both as Parrot's documentation has them for one photo."""
    ned = {
        "drone-parrot:CameraYawDegree": "146.848038",
        "drone-parrot:CameraPitchDegree": "-51.988888",
        "drone-parrot:CameraRollDegree": "-0.052789",
    }
    pix4d = {"Camera:Yaw": "146.781036", "Camera:Pitch": "38.011101", "Camera:Roll": "-0.041258"}
    looks = [photo_record(Image.Exif(), tags, None).look for tags in (ned, pix4d)]
    assert all(isinstance(look, Rotation) for look in looks)
    first, second = (look for look in looks if look is not None)
    assert (first.inv() * second).magnitude() < 1e-4


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+50.000", 50.0),
        ("845389/2097152", 845389 / 2097152),
        ("1/0", None),
        ("nan", None),
        ("12 m", None),
        ("", None),
    ],
)
def test_numbers_as_makers_write_them(text: str, number: float | None) -> None:
    tags = {
        "drone-skydio:Latitude": "1.0",
        "drone-skydio:Longitude": "2.0",
        "drone-skydio:AbsoluteAltitude": text,
    }
    height = photo_record(Image.Exif(), tags, None).heights.unclear
    assert (None if height is None else height.m) == (None if number is None else pytest.approx(number))

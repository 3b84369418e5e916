"""The README.txt of a package: what it is and how to check it, for whoever gets it years later."""

from __future__ import annotations

from uplink.station.package.manifest import Manifest

_TEXT = """\
Evidence package of an Emberwatch ground station
=================================================

Incident   {incident}
Package    {package}
Made       {made_at}, by {made_by}
Station    {key}

What is here
------------
report.html        all of it to be read and printed; open it in any browser, it asks nobody for anything
incident.json      the incident as it stood
alerts.json        its alerts as the drones sent them: the latest revision of each, and when each one came
timeline.json      what was told, what people did, when and why
orders.json        what was ordered of drones about it
positions.geojson  places with their errors, and the ways of the drones; WGS 84
audit.json         the lines of the station's audit log about it, each with the hash before it and its own
originals/         pictures as the drones sent them, named by their SHA-256{originals}
copies/            the same pictures made anew, as people see them{blurred}
manifest.json      every file with its size and SHA-256
manifest.sig       the station's signature (Ed25519, base64) over "emberwatch package 1", a line end, and
                   the bytes of manifest.json
station-key.txt    the station's public key; the same as PEM in station-key.pem

How to check it
---------------
With Emberwatch, all of it at once:

    emberwatch station verify-package FILE.zip --key station.key

station.key is what `emberwatch station key` prints at the station itself. Get it from there and not from
this package: whoever makes a false package can put a false key into it.

Without Emberwatch (OpenSSL 3, coreutils), in the unpacked folder:

    (printf 'emberwatch package 1\\n'; cat manifest.json) > signed
    base64 -d manifest.sig > sig
    openssl pkeyutl -verify -pubin -inkey station-key.pem -rawin -in signed -sigfile sig
    sha256sum originals/*      # each file's name is its hash; the others stand in manifest.json

A line of audit.json holds if the SHA-256 of the JSON list [before, number, at_s, who, what, about, detail]
(UTF-8, ", " between the parts, as Python's json.dumps(..., ensure_ascii=False) writes it) is its hash. The
manifest names the newest line of the log at that time; `emberwatch station audit verify` at the station
shows whether the whole log still leads there.

证据包说明
----------
report.html 可用任意浏览器打开和打印；originals/ 为无人机发来的原始照片，文件名即其 SHA-256；copies/ 为
重新编码的副本；manifest.json 列出每个文件的大小和 SHA-256，manifest.sig 为地面站的 Ed25519 签名。
校验：emberwatch station verify-package FILE.zip --key station.key（公钥请向地面站索取，勿用包内的公钥）。
"""


def readme_text(manifest: Manifest) -> str:
    """For this package."""
    return _TEXT.format(
        incident=manifest.incident_id,
        package=manifest.id,
        made_at=manifest.made_at.isoformat(timespec="seconds"),
        made_by=manifest.made_by,
        key=manifest.station_key,
        originals="" if manifest.with_originals else " (not in this package)",
        blurred=f"; parts of {len(manifest.blurred)} are blurred" if manifest.blurred else "",
    )

"""Who may speak on a signed link (flight rules 27 and 28)."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymavlink import mavutil

from flight.link import Codec, Link, Message, mavlink
from flight.signing import (
    EPOCH_UNIX_S,
    KEEP_AHEAD_UNITS,
    LATEST_UNITS,
    MOST_STREAMS,
    NEW_STREAM_UNITS,
    UNITS_PER_S,
    Signing,
    SigningError,
    Verdict,
    make_key,
    read_key,
)
from tests.flight.scripted import heartbeat, stamped, until

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
UTC_S = 1_780_000_000.0  # in 2026
THERE = ("10.0.0.1", 14550)


class Utc:
    """A clock that is set by hand."""

    def __init__(self, utc_s: float = UTC_S) -> None:
        self.utc_s = utc_s

    def __call__(self) -> float:
        return self.utc_s


def signing(
    key: bytes = KEY,
    *,
    link_id: int = 0,
    clock_file: Path | None = None,
    utc: Callable[[], float] | None = None,
) -> Signing:
    return Signing(key, link_id=link_id, clock_file=clock_file, utc_s=utc or Utc())


def sender(key: bytes = KEY, *, ahead_s: float = 0.0, link_id: int = 0, component_id: int = 1) -> Codec:
    """Somebody of system 1 who signs with this key, and whose clock is this far ahead of ours."""
    return Codec(1, component_id, signing(key, link_id=link_id, utc=Utc(UTC_S + ahead_s)))


@pytest.fixture
def link() -> Link:
    return Link("udpin:127.0.0.1:0", signing=signing())


@pytest.fixture
def heard(link: Link) -> list[str]:
    names: list[str] = []
    link.subscribe(
        lambda message, _at_s: names.append(message.get_type()), "HEARTBEAT", "ATTITUDE", "RADIO_STATUS"
    )
    return names


# --- what is refused ----------------------------------------------------------------------------------


def test_only_what_is_signed_with_our_key_is_heard_and_the_rest_is_counted(
    link: Link, heard: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Rules 27, 28: unsigned, of either version; wrong key; replayed."""
    genuine = sender().encode(heartbeat())
    old = mavlink.MAVLink(None, srcSystem=1, srcComponent=1)
    version_1 = bytes(heartbeat().pack(old, force_mavlink1=True))
    for _ in range(3):
        link.receive(Codec(1, 1).encode(heartbeat()), THERE)
        link.receive(version_1, THERE)
        link.receive(sender(OTHER_KEY).encode(heartbeat()), THERE)
    assert heard == []
    for _ in range(3):
        link.receive(genuine, THERE)
    assert heard == ["HEARTBEAT"]
    assert link.counts.refused == {Verdict.UNSIGNED: 6, Verdict.WRONG_KEY: 3, Verdict.REPLAYED: 2}
    assert link.counts.received == 1
    assert len(caplog.records) == 3  # each kind is said once


def test_a_forged_future_does_not_shut_out_the_real_stream(link: Link, heard: list[str]) -> None:
    """Rule 27: pymavlink keeps a stream's timestamp before it checks the hash."""
    real = sender()
    link.receive(real.encode(heartbeat()), THERE)
    for years in (1, 10, 70):
        link.receive(sender(OTHER_KEY, ahead_s=years * 365 * 86400).encode(heartbeat()), THERE)
    for _ in range(5):
        link.receive(real.encode(heartbeat()), THERE)
    assert heard == ["HEARTBEAT"] * 6
    assert link.counts.refused == {Verdict.WRONG_KEY: 3}


def test_one_flipped_bit_anywhere_is_another_key() -> None:
    packet = sender().encode(mavlink.MAVLink_attitude_message(7, 0.1, 0.2, 0.3, 0, 0, 0))
    for at in range(3, len(packet)):  # before that it is another kind of packet altogether
        broken = bytearray(packet)
        broken[at] ^= 1
        assert signing().verdict(bytes(broken)) is Verdict.WRONG_KEY
    assert signing().verdict(packet) is Verdict.GENUINE


def test_a_stream_that_begins_more_than_a_minute_ago_is_stale() -> None:
    """Rule 28: this is what a clock that was not kept looks like from the other end."""
    for behind_s, verdict in ((0, Verdict.GENUINE), (59, Verdict.GENUINE), (61, Verdict.STALE)):
        assert signing().verdict(sender(ahead_s=-behind_s).encode(heartbeat())) is verdict


def test_a_stream_that_runs_behind_stays_genuine_once_it_is_known() -> None:
    ours, slow = signing(), sender(ahead_s=-50)
    assert ours.verdict(slow.encode(heartbeat())) is Verdict.GENUINE
    assert ours.verdict(sender(ahead_s=300, link_id=1).encode(heartbeat())) is Verdict.GENUINE
    assert ours.verdict(slow.encode(heartbeat())) is Verdict.GENUINE


def test_a_date_close_to_the_end_of_all_timestamps_is_refused_even_from_a_friend() -> None:
    ours = signing()
    before = ours.timestamp
    end_s = 2**48 / UNITS_PER_S + EPOCH_UNIX_S - UTC_S
    assert ours.verdict(friend_at(LATEST_UNITS + 1)) is Verdict.FUTURE
    assert ours.timestamp == before
    assert ours.verdict(sender(ahead_s=end_s - 400 * 86400).encode(heartbeat())) is Verdict.GENUINE
    assert ours.next_timestamp() <= LATEST_UNITS + 1


def friend_at(timestamp: int) -> bytes:
    peer = mavlink.MAVLink(None, srcSystem=1, srcComponent=1)
    peer.signing.secret_key, peer.signing.sign_outgoing, peer.signing.timestamp = KEY, True, timestamp
    return bytes(heartbeat().pack(peer))


def test_the_radios_own_report_needs_no_signature_and_moves_nothing(link: Link, heard: list[str]) -> None:
    """A telemetry radio makes RADIO_STATUS itself and has no key."""
    report = mavlink.MAVLink_radio_status_message(0, 0, 0, 0, 0, 0, 0)
    link.receive(Codec(51, 68).encode(report), THERE)
    assert heard == ["RADIO_STATUS"]
    assert link._peer is None
    assert link.counts.senders == {}


def test_an_unsigned_voice_does_not_draw_our_answers_to_itself(link: Link) -> None:
    link.speak_as(1)
    link.receive(sender().encode(heartbeat()), THERE)
    link.receive(Codec(1, 1).encode(heartbeat()), ("10.6.6.6", 1))
    link.receive(sender(OTHER_KEY).encode(heartbeat()), ("10.6.6.6", 1))
    assert link._peer == THERE


def test_streams_are_bounded_and_the_one_that_speaks_is_not_forgotten() -> None:
    ours, autopilot = signing(), sender()
    first = autopilot.encode(heartbeat())
    assert ours.verdict(first) is Verdict.GENUINE
    for number in range(3 * MOST_STREAMS):
        other = sender(link_id=number % 250 + 1, component_id=2 + number // 250)
        assert ours.verdict(other.encode(heartbeat())) is Verdict.GENUINE
        latest = autopilot.encode(heartbeat())
        assert ours.verdict(latest) is Verdict.GENUINE
    assert len(ours._streams) <= MOST_STREAMS
    assert ours.verdict(latest) is Verdict.REPLAYED


def test_an_autopilot_that_lost_its_clock_is_told_the_time_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It signs with the past, would never be heard, and takes the time from any packet with its key."""
    now_s = [50.0]
    link = Link("udpin:127.0.0.1:0", signing=signing(), now=lambda: now_s[0])
    sent: list[tuple[bytes, object]] = []

    def send(data: bytes, to: object) -> bool:
        sent.append((data, to))
        return True

    monkeypatch.setattr(link._transport, "send", send)
    late = sender(ahead_s=-7 * 86400)
    for _ in range(10):
        link.receive(late.encode(heartbeat()), THERE)
        now_s[0] += 0.25
    link.receive(sender(OTHER_KEY, ahead_s=-7 * 86400).encode(heartbeat()), THERE)  # no friend, no answer
    assert len(sent) == 3
    assert {to for _, to in sent} == {THERE}
    autopilot = signing(utc=Utc(UTC_S - 7 * 86400))
    assert autopilot.verdict(sent[0][0]) is Verdict.GENUINE
    assert autopilot.timestamp >= (UTC_S - EPOCH_UNIX_S) * UNITS_PER_S
    [told] = Codec().decode(sent[0][0])
    assert (told.get_type(), told.tc1, told.ts1) == ("TIMESYNC", 0, 0)


# --- the clock ----------------------------------------------------------------------------------------


def test_the_clock_only_goes_forward_whatever_the_companions_does(tmp_path: Path) -> None:
    """Rule 28: a Raspberry Pi boots in 1970, and NTP sets it back and forth."""
    utc, chance, latest = Utc(), random.Random(1), 0
    for _ in range(50):  # starts, each ended by pulling the plug
        ours = signing(clock_file=tmp_path / "clock", utc=utc)
        for _ in range(chance.randrange(40)):
            timestamp = ours.next_timestamp()
            assert timestamp > latest
            latest = timestamp
            utc.utc_s += chance.choice((0.0, 0.3, 5.0, -3600.0))
        wait_until_kept(tmp_path / "clock", latest)
        utc.utc_s = chance.choice((0.0, UTC_S, utc.utc_s))


def test_a_computers_clock_that_leaps_by_a_year_takes_no_timestamp_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The autopilot follows what is ahead, and refuses whoever comes anew and is a minute behind it."""
    ours = Signing(KEY, link_id=0, clock_file=None)
    real, before = time.time, ours.next_timestamp()
    for leap_s in (365 * 86400.0, -365 * 86400.0):
        monkeypatch.setattr(time, "time", lambda leap_s=leap_s: real() + leap_s)
        now = ours.next_timestamp()
        assert 0 < now - before < NEW_STREAM_UNITS
        before = now


def wait_until_kept(clock_file: Path, timestamp: int) -> None:
    """Threads of its own write it."""
    while int(clock_file.read_text()) < timestamp:
        time.sleep(0.001)


def test_what_is_kept_is_ahead_of_all_that_was_signed_while_time_goes_on_as_it_does(tmp_path: Path) -> None:
    """So a plug may be pulled while the disk still writes: half of what it is ahead by is for that."""
    utc = Utc()
    ours = signing(clock_file=tmp_path / "clock", utc=utc)
    for _ in range(100):
        before = int((tmp_path / "clock").read_text())
        utc.utc_s += 0.1
        assert ours.next_timestamp() <= before
        wait_until_kept(tmp_path / "clock", ours.timestamp + KEEP_AHEAD_UNITS // 2)


async def test_a_disk_that_hangs_delays_no_packet_and_is_caught_up_with(tmp_path: Path) -> None:
    utc, loop = Utc(), asyncio.get_running_loop()
    ours, theirs = signing(clock_file=tmp_path / "clock", utc=utc), signing(utc=utc)
    kept, half = (tmp_path / "clock").read_text(), tmp_path / ".clock.tmp"
    os.mkfifo(half)  # whoever opens it to write waits until somebody reads
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        async with Link(f"udpout:127.0.0.1:{peer.getsockname()[1]}", signing=ours) as link:
            link.speak_as(1)
            for _ in range(20):
                utc.utc_s += KEEP_AHEAD_UNITS / UNITS_PER_S
                link.send(heartbeat())
                packet = await loop.sock_recv(peer, 1024)
                assert theirs.verdict(packet) is Verdict.GENUINE
            assert (tmp_path / "clock").read_text() == kept, "the disk did not hang"
            await asyncio.to_thread(half.read_text)  # now the disk works
            wait_until_kept(tmp_path / "clock", ours.timestamp)


def test_a_start_runs_ahead_by_two_seconds_and_no_more(tmp_path: Path) -> None:
    """Whoever is a minute behind us is refused: an agent that starts over and over must not run away."""
    utc = Utc(0.0)
    (tmp_path / "clock").write_text(str(10**12))
    for _ in range(20):
        signing(clock_file=tmp_path / "clock", utc=utc)
    assert int((tmp_path / "clock").read_text()) == 10**12 + 20 * KEEP_AHEAD_UNITS


def test_it_follows_every_genuine_packet_that_is_ahead_and_no_other() -> None:
    ours = signing(utc=Utc(0.0))
    ours.verdict(sender(OTHER_KEY, ahead_s=86400).encode(heartbeat()))
    assert ours.timestamp == 0
    ours.verdict(sender().encode(heartbeat()))
    assert ours.timestamp >= (UTC_S - EPOCH_UNIX_S) * UNITS_PER_S


@pytest.mark.parametrize("kept", ["", "yesterday", "-5", str(2**60), "\xff"])
def test_a_clock_file_that_makes_no_sense_stops_nobody(tmp_path: Path, kept: str) -> None:
    (tmp_path / "clock").write_text(kept, encoding="latin-1")
    ours = signing(clock_file=tmp_path / "clock")
    assert (UTC_S - EPOCH_UNIX_S) * UNITS_PER_S <= ours.next_timestamp() < 2**48


def test_a_disk_that_takes_nothing_is_said_once_and_flown_with(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    utc = Utc()
    ours = signing(clock_file=tmp_path / "folder" / "clock", utc=utc)
    for _ in range(5):
        assert ours.next_timestamp() > 0
        utc.utc_s += 10.0
    assert caplog.text.count("cannot be kept") == 1
    caplog.set_level(logging.INFO)
    (tmp_path / "folder").mkdir()
    while "is kept again" not in caplog.text:
        utc.utc_s += 10.0
        ours.next_timestamp()
        time.sleep(0.001)


# --- the key ------------------------------------------------------------------------------------------


def test_a_new_key_is_secret_and_is_read_back(tmp_path: Path) -> None:
    """Rule 28: mode 0600."""
    path = tmp_path / "key"
    make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_key(path)) == 32
    with pytest.raises(SigningError, match="is there already"):
        make_key(path)
    with pytest.raises(SigningError, match="cannot be written"):
        make_key(tmp_path / "no such folder" / "key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    make_key(path)
    path.chmod(mode)
    with pytest.raises(SigningError, match="other users") as caught:
        read_key(path)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize("text", [b"", b"12 34", b"zz" * 32, b"00" * 31, b"00" * 33, b"\xff\xfe"])
def test_what_is_no_key_is_one_clear_line(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(SigningError, match="key"):
        read_key(path)
    with pytest.raises(SigningError, match="32 bytes"):
        Signing(text, link_id=0, clock_file=None)


# --- with somebody else's implementation --------------------------------------------------------------


@pytest.fixture
def peer() -> Iterator[Any]:
    """pymavlink's own connection, as a ground station or a simulator would use it."""
    mavutil.set_dialect("ardupilotmega")
    connection = mavutil.mavlink_connection("udpin:127.0.0.1:0", source_system=1, source_component=1)
    yield connection
    connection.close()


def url_of(peer: Any) -> str:
    return f"udpout:127.0.0.1:{peer.port.getsockname()[1]}"


async def met(peer: Any, link: Link) -> Message:
    """Speak until pymavlink's side has taken a message of ours."""
    for _ in range(200):
        link.send(stamped(heartbeat(vehicle_type=18, autopilot=8)))
        await asyncio.sleep(0.01)
        message = peer.recv_match(type="HEARTBEAT", blocking=False)
        if message is not None:
            return message
    pytest.fail("pymavlink took nothing")


async def test_pymavlink_and_we_sign_for_each_other(peer: Any) -> None:
    peer.setup_signing(KEY, sign_outgoing=True, allow_unsigned_callback=lambda *_: False, link_id=3)
    async with Link(url_of(peer), signing=Signing(KEY, link_id=5, clock_file=None)) as link:
        heard: list[Message] = []
        link.subscribe(lambda message, _at_s: heard.append(message), "HEARTBEAT")
        link.speak_as(1)
        first = await met(peer, link)
        assert (first.get_srcComponent(), first.get_link_id()) == (191, 5)
        for _ in range(3):
            peer.mav.heartbeat_send(2, 3, 1, 4, 3)
        await until(lambda: len(heard) == 3)
        assert heard[0].custom_mode == 4
        assert not link.counts.refused
    assert peer.mav.signing.badsig_count == 0
    assert peer.mav.signing.reject_count == 0


async def test_with_different_keys_neither_side_hears_the_other(
    peer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    peer.setup_signing(OTHER_KEY, sign_outgoing=True, allow_unsigned_callback=lambda *_: False, link_id=3)
    async with Link(url_of(peer), signing=Signing(KEY, link_id=5, clock_file=None)) as link:
        caplog.set_level(logging.CRITICAL)
        heard: list[Message] = []
        link.subscribe(lambda message, _at_s: heard.append(message), "HEARTBEAT")
        link.speak_as(1)
        link.send(heartbeat())
        await asyncio.sleep(0.02)
        assert peer.recv_match(type="HEARTBEAT", blocking=False) is None
        for _ in range(3):
            peer.mav.heartbeat_send(2, 3, 1, 4, 3)
        await until(lambda: link.counts.refused[Verdict.WRONG_KEY] == 3)
        assert heard == []

"""Dead letters can be listed and sent again from outside, while the agent has the outbox open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli import app
from flight.errors import EmberwatchError
from uplink.errors import OutboxError
from uplink.outbox import Outbox, OutboxItem
from uplink.outbox_reader import dead_letters, send_again, waiting

from .makers import by_hash, make_alert, make_picture, sha256_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def _refuse_next(outbox: Outbox, reason: str = "HTTP 422: no") -> OutboxItem:
    item = outbox.next_item()
    assert item is not None
    outbox.mark_refused(item, reason)
    return item


def test_a_refused_alert_is_sent_again_and_is_no_dead_letter_any_more(path: Path) -> None:
    alert = make_alert()
    with Outbox(path) as outbox:
        outbox.put_alert(alert)
        _refuse_next(outbox)
        ((letter, why),) = send_again(path)
        assert (letter.key, why) == (str(alert.id), "")
        item = outbox.next_item()
        assert item is not None
        assert (item.key, item.attempts) == (str(alert.id), 0)
        assert outbox.refused().count == 0
        assert outbox.waiting() == 1
    assert dead_letters(path) == []


def test_a_refused_picture_is_sent_again_with_its_bytes(path: Path) -> None:
    picture = make_picture()
    with Outbox(path) as outbox:
        outbox.put_alert(make_alert(), by_hash(picture))
        first = outbox.next_item()
        assert first is not None
        outbox.mark_sent(first)
        _refuse_next(outbox, "HTTP 413")
        assert outbox.next_item() is None
        assert [letter.is_whole for letter in dead_letters(path)] == [True]
        send_again(path)
        item = outbox.next_item()
        assert item is not None
        assert item.body == picture


def test_a_picture_whose_bytes_made_room_for_others_stays_a_dead_letter(path: Path) -> None:
    refused, newer = make_picture("refused", size=900), make_picture("newer", size=900)
    with Outbox(path, media_budget_bytes=1000) as outbox:
        outbox.put_alert(make_alert(), by_hash(refused))
        first = outbox.next_item()
        assert first is not None
        outbox.mark_sent(first)
        _refuse_next(outbox)
        outbox.put_alert(make_alert(), by_hash(newer))
        ((letter, why),) = send_again(path)
        assert (letter.is_whole, why) == (False, "its bytes made room for others")
        assert [letter.key for letter in dead_letters(path)] == [sha256_of(refused)]


def test_an_alert_that_has_arrived_in_a_newer_revision_stays_as_it_is(path: Path) -> None:
    alert = make_alert()
    with Outbox(path) as outbox:
        outbox.put_alert(alert)
        _refuse_next(outbox)
        outbox.put_alert(make_alert(alert.id, 2))
        newer = outbox.next_item()
        assert newer is not None
        outbox.mark_sent(newer)
        ((_, why),) = send_again(path)
        assert why == "a newer revision of it is at the station"
        assert outbox.next_item() is None


def test_an_alert_long_forgotten_is_put_in_again_from_its_letter(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uplink.outbox_tables.KEPT_SENT_ALERTS", 1)
    refused = make_alert()
    with Outbox(path) as outbox:
        outbox.put_alert(refused)
        _refuse_next(outbox)
        for _ in range(3):
            outbox.put_alert(make_alert())
            item = outbox.next_item()
            assert item is not None
            outbox.mark_sent(item)
        assert str(refused.id) not in outbox.told(10)
        send_again(path)
        item = outbox.next_item()
        assert item is not None
        assert (item.key, item.body.decode()) == (str(refused.id), refused.model_dump_json())


def test_only_the_letters_that_are_named_are_sent_again(path: Path) -> None:
    with Outbox(path) as outbox:
        for _ in range(3):
            outbox.put_alert(make_alert())
            _refuse_next(outbox)
        second = dead_letters(path)[1]
        send_again(path, [second.number])
        assert [letter.number for letter in dead_letters(path)] == [1, 3]
        with pytest.raises(OutboxError, match="no dead letter 7"):
            send_again(path, [1, 7])
        assert len(waiting(path)) == 1, "of a wrong list nothing is sent"


def test_only_the_latest_letters_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uplink.outbox_tables.KEPT_DEAD_LETTERS", 2)
    with Outbox(path) as outbox:
        for _ in range(4):
            outbox.put_alert(make_alert())
            _refuse_next(outbox)
        assert [letter.number for letter in dead_letters(path)] == [3, 4]
        assert outbox.refused().count == 2


def test_where_there_is_no_outbox_that_is_said_and_none_is_made(path: Path) -> None:
    for look in (waiting, dead_letters, send_again):
        with pytest.raises(OutboxError, match="there is no outbox"):
            look(path)
    assert not path.exists()


@pytest.fixture
def config(path: Path) -> Path:
    file = path.with_name("agent.toml")
    file.write_text(
        '[agent]\ndata_dir = "."\n[agent.drone]\nid = "ember-1"\n'
        '[agent.camera]\nsource = "virtual"\nprofile = "generic_78"\n'
        '[agent.mavlink]\nurl = "udpin:127.0.0.1:14550"\n[agent.uplink]\nkey_file = "ember-1.key"\n'
    )
    return file


def test_the_command_line_lists_what_waits_and_what_was_refused_and_sends_it_again(
    path: Path, config: Path
) -> None:
    runner = CliRunner()
    waits, refused = make_alert(), make_alert()
    with Outbox(path) as outbox:
        outbox.put_alert(refused)
        _refuse_next(outbox, "HTTP 409: [another] drone's")
        outbox.put_alert(waits)
        listed = runner.invoke(app, ["outbox", "list", "-c", str(config)], env={"COLUMNS": "200"})
        assert listed.exit_code == 0
        assert "1 alerts and 0 pictures wait" in listed.output
        assert str(waits.id) in listed.output
        assert "HTTP 409: [another] drone's" in listed.output
        lines = runner.invoke(app, ["outbox", "list", "--json", "-c", str(config)]).output.splitlines()
        assert [(one["state"], one["key"]) for one in map(json.loads, lines)] == [
            ("waits", str(waits.id)),
            ("refused", str(refused.id)),
        ]
        sent = runner.invoke(app, ["outbox", "retry", "1", "-c", str(config)])
        assert sent.exit_code == 0
        assert f"alert {refused.id} will be sent again" in sent.output
        assert outbox.next_item() is not None
        assert outbox.waiting() == 2


def test_the_command_line_sends_nothing_again_that_was_not_named(path: Path, config: Path) -> None:
    with Outbox(path):
        answer = CliRunner().invoke(app, ["outbox", "retry", "-c", str(config)])
    assert isinstance(answer.exception, EmberwatchError)
    assert "which dead letters" in str(answer.exception)

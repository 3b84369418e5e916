"""When a session ends, and what is kept of it."""

from __future__ import annotations

from uplink.station.sessions import IDLE_S, LIFETIME_S, Session, Sessions, csrf_token, digest_of, new_secret

NUMBER = "n" * 43
BEGUN_S = 1_000_000.0


def begun(user_key: str = "ann", number: str = NUMBER) -> Session:
    return Session(digest_of(number), user_key, BEGUN_S, BEGUN_S)


def test_it_ends_a_while_after_it_was_last_used() -> None:
    sessions = Sessions()
    sessions.replace([begun()])
    assert sessions.use(NUMBER, BEGUN_S + IDLE_S - 1) is not None
    assert sessions.use(NUMBER, BEGUN_S + 2 * IDLE_S - 2) is not None
    assert sessions.use(NUMBER, BEGUN_S + 3 * IDLE_S - 2) is None
    assert sessions.use(NUMBER, BEGUN_S + 2 * IDLE_S) is not None, "a clock that was set back ends nothing"


def test_it_ends_after_a_shift_however_it_is_used() -> None:
    sessions = Sessions()
    sessions.replace([begun()])
    now_s = BEGUN_S
    while now_s < BEGUN_S + LIFETIME_S:
        assert sessions.use(NUMBER, now_s) is not None
        now_s += IDLE_S / 2
    assert sessions.use(NUMBER, now_s) is None


def test_looking_for_one_does_not_keep_it() -> None:
    sessions = Sessions()
    sessions.replace([begun()])
    assert sessions.find(digest_of(NUMBER), BEGUN_S + IDLE_S - 1) is not None
    assert sessions.find(digest_of(NUMBER), BEGUN_S + IDLE_S) is None


def test_what_was_used_is_told_once_and_not_lost_by_reading_anew() -> None:
    sessions = Sessions()
    sessions.replace([begun()])
    sessions.use(NUMBER, BEGUN_S + 100)
    sessions.replace([begun()])
    assert sessions.take_used() == {digest_of(NUMBER): BEGUN_S + 100}
    assert sessions.take_used() == {}
    sessions.replace([begun()])
    assert sessions.find(digest_of(NUMBER), BEGUN_S + IDLE_S + 50) is not None


def test_one_that_the_store_no_longer_has_is_over() -> None:
    sessions = Sessions()
    sessions.replace([begun(), begun("bob", "b" * 43)])
    sessions.replace([begun("bob", "b" * 43)])
    assert sessions.use(NUMBER, BEGUN_S) is None
    found = sessions.use("b" * 43, BEGUN_S)
    assert found is not None
    assert found.user_key == "bob"


def test_the_token_against_other_sites_is_the_sessions_own_and_does_not_tell_it() -> None:
    one, other = new_secret(), new_secret()
    assert csrf_token(one) == csrf_token(one)
    assert csrf_token(one) != csrf_token(other)
    assert one not in csrf_token(one)
    assert digest_of(csrf_token(one)) != digest_of(one)
    assert len(one) >= 43

"""Users, their sessions, and tokens of programs. Every change is a deed in the audit log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlite_utils import Database as Connection

from uplink.errors import NotPossibleError, UnknownNameError
from uplink.station.people import Role, name_key
from uplink.station.sessions import MAX_PER_USER, Session
from uplink.station.store.audit import Deed, write_deed
from uplink.station.store.database import StationDatabase

_ADMINS = "select count(*) from users where role = 'admin' and disabled = 0"


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in."""

    key: str
    name: str
    role: Role
    password_hash: str
    created_at_s: float
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """What a program shows instead of signing in; only its digest is kept."""

    key: str
    name: str
    role: Role
    digest: str
    created_at_s: float
    created_by: str
    used_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class KnownPeople:
    """Everybody and everything that may ask."""

    users: list[User]
    sessions: list[Session]
    tokens: list[Token]


class UserStore:
    def __init__(self, database: StationDatabase) -> None:
        self._database = database

    async def load(self) -> KnownPeople:
        """All that there is."""

        def work(db: Connection) -> KnownPeople:
            users = db.query(
                "select key, name, role, password_hash, created_at_s, disabled from users order by key"
            )
            sessions = db.query(
                "select digest, user_key, begun_at_s, used_at_s, address, browser from sessions"
            )
            tokens = db.query(
                "select key, name, role, digest, created_at_s, created_by, used_at_s from tokens order by key"
            )
            return KnownPeople(
                [
                    User(**row | {"role": Role(row["role"]), "disabled": bool(row["disabled"])})
                    for row in users
                ],
                [Session(**row) for row in sessions],
                [Token(**row | {"role": Role(row["role"])}) for row in tokens],
            )

        return await self._database.read(work)

    async def version(self) -> int:
        """Another one once another program has written into this database."""

        def work(db: Connection) -> int:
            return int(next(iter(db.conn.execute("PRAGMA data_version")))[0])

        return await self._database.run(work)

    # --- users ------------------------------------------------------------------------------------

    async def add(self, name: str, role: Role, password_hash: str, *, by: str, now_s: float) -> None:
        """Raises ``NotPossibleError`` where the name is taken."""

        def work(db: Connection) -> None:
            if _has(db, "users", name):
                raise NotPossibleError(f"there is a user {name} already", hint="Choose another name.")
            db.execute(
                "insert into users (key, name, role, password_hash, created_at_s, changed_at_s) "
                "values (?, ?, ?, ?, ?, ?)",
                [name_key(name), name, role, password_hash, now_s, now_s],
            )
            write_deed(db, Deed(by, "user.added", name, {"role": role}), now_s=now_s)

        await self._database.run(work)

    async def remove(self, name: str, *, by: str, now_s: float) -> None:
        """With all sessions. Raises ``UnknownNameError``, and ``NotPossibleError`` for the last admin."""

        def work(db: Connection) -> None:
            _must_have(db, "users", name)
            db.execute("delete from sessions where user_key = ?", [name_key(name)])
            db.execute("delete from users where key = ?", [name_key(name)])
            _somebody_must_be_left(db)
            write_deed(db, Deed(by, "user.removed", name), now_s=now_s)

        await self._database.run(work)

    async def set_role(self, name: str, role: Role, *, by: str, now_s: float) -> None:
        """Raises ``UnknownNameError``, and ``NotPossibleError`` for the last admin."""

        def work(db: Connection) -> None:
            _must_have(db, "users", name)
            db.execute(
                "update users set role = ?, changed_at_s = ? where key = ?", [role, now_s, name_key(name)]
            )
            _somebody_must_be_left(db)
            write_deed(db, Deed(by, "user.role", name, {"role": role}), now_s=now_s)

        await self._database.run(work)

    async def set_disabled(self, name: str, disabled: bool, *, by: str, now_s: float) -> None:
        """Who is disabled has no sessions and begins none; what they did stays theirs. Raises
        ``UnknownNameError``, and ``NotPossibleError`` for the last admin."""

        def work(db: Connection) -> None:
            _must_have(db, "users", name)
            changed = db.execute(
                "update users set disabled = :now, changed_at_s = :at where key = :key and disabled <> :now",
                {"now": int(disabled), "at": now_s, "key": name_key(name)},
            )
            if not changed.rowcount:
                return
            if disabled:
                db.execute("delete from sessions where user_key = ?", [name_key(name)])
                _somebody_must_be_left(db)
            write_deed(db, Deed(by, "user.disabled" if disabled else "user.enabled", name), now_s=now_s)

        await self._database.run(work)

    async def set_password(
        self, name: str, password_hash: str, *, by: str, now_s: float, keep: str | None = None
    ) -> None:
        """Ends every session of this user but the one with the digest ``keep``."""

        def work(db: Connection) -> None:
            _must_have(db, "users", name)
            db.execute(
                "update users set password_hash = ?, changed_at_s = ? where key = ?",
                [password_hash, now_s, name_key(name)],
            )
            db.execute("delete from sessions where user_key = ? and digest is not ?", [name_key(name), keep])
            write_deed(db, Deed(by, "user.password", name), now_s=now_s)

        await self._database.run(work)

    # --- sessions ---------------------------------------------------------------------------------

    async def begin_session(self, user: User, session: Session, *, over_before_s: float) -> None:
        """A user signed in. Sessions begun before ``over_before_s`` are swept out.

        Raises ``UnknownNameError`` where the user was removed or given another password meanwhile.
        """

        def work(db: Connection) -> None:
            row = next(
                iter(db.query("select password_hash, disabled from users where key = ?", [user.key])), None
            )
            if row is None or row["password_hash"] != user.password_hash or row["disabled"]:
                raise UnknownNameError(f"{user.name} was changed meanwhile", hint="Sign in again.")
            db.execute("delete from sessions where begun_at_s < ?", [over_before_s])
            db.execute(
                "delete from sessions where digest in (select digest from sessions where user_key = ? "
                "order by begun_at_s desc limit -1 offset ?)",
                [user.key, MAX_PER_USER - 1],
            )
            db.execute(
                "insert into sessions (digest, user_key, begun_at_s, used_at_s, address, browser) "
                "values (:digest, :user_key, :begun_at_s, :used_at_s, :address, :browser)",
                asdict(session),
            )
            deed = Deed(user.name, "session.begun", user.name, {"from": session.address})
            write_deed(db, deed, now_s=session.begun_at_s)

        await self._database.run(work)

    async def end_session(self, name: str, digest: str, *, now_s: float) -> None:
        """A user signed out."""

        def work(db: Connection) -> None:
            db.execute("delete from sessions where digest = ?", [digest])
            write_deed(db, Deed(name, "session.ended", name), now_s=now_s)

        await self._database.run(work)

    async def end_sessions(self, name: str, digests: Sequence[str], *, by: str, now_s: float) -> None:
        """An admin ends some of a user's. Raises ``UnknownNameError``."""

        def work(db: Connection) -> None:
            _must_have(db, "users", name)
            ended = db.execute(
                "delete from sessions where user_key = ? and digest in (select value from json_each(?))",
                [name_key(name), json.dumps(digests)],
            ).rowcount
            write_deed(db, Deed(by, "session.ended", name, {"sessions": ended}), now_s=now_s)

        await self._database.run(work)

    async def use_sessions(self, used: dict[str, float]) -> None:
        """When which were used last."""

        def work(db: Connection) -> None:
            for digest, at_s in used.items():
                db.execute("update sessions set used_at_s = ? where digest = ?", [at_s, digest])

        await self._database.run(work)

    async def use_tokens(self, used: dict[str, float]) -> None:
        """When which were shown last."""

        def work(db: Connection) -> None:
            for key, at_s in used.items():
                db.execute("update tokens set used_at_s = ? where key = ?", [at_s, key])

        await self._database.run(work)

    # --- tokens -----------------------------------------------------------------------------------

    async def add_token(self, name: str, role: Role, digest: str, *, by: str, now_s: float) -> None:
        """Raises ``NotPossibleError`` where the name is taken."""

        def work(db: Connection) -> None:
            if _has(db, "tokens", name):
                raise NotPossibleError(f"there is a token {name} already", hint="Choose another name.")
            db.execute(
                "insert into tokens (key, name, role, digest, created_at_s, created_by) "
                "values (?, ?, ?, ?, ?, ?)",
                [name_key(name), name, role, digest, now_s, by],
            )
            write_deed(db, Deed(by, "token.added", name, {"role": role}), now_s=now_s)

        await self._database.run(work)

    async def remove_token(self, name: str, *, by: str, now_s: float) -> None:
        """Raises ``UnknownNameError``."""

        def work(db: Connection) -> None:
            _must_have(db, "tokens", name)
            db.execute("delete from tokens where key = ?", [name_key(name)])
            write_deed(db, Deed(by, "token.removed", name), now_s=now_s)

        await self._database.run(work)


def _has(db: Connection, table: str, name: str) -> bool:
    return bool(list(db.query(f"select 1 from {table} where key = ?", [name_key(name)])))  # noqa: S608


def _must_have(db: Connection, table: str, name: str) -> None:
    if not _has(db, table, name):
        raise UnknownNameError(f"there is no {table.removesuffix('s')} {name}")


def _somebody_must_be_left(db: Connection) -> None:
    if next(iter(db.conn.execute(_ADMINS)))[0] == 0:
        raise NotPossibleError(
            "nobody would be left who looks after the station", hint="Make somebody else admin first."
        )

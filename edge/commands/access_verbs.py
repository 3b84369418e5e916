"""``emberwatch station user | token | drone | audit``: who may do what, whether the station runs or not."""

from __future__ import annotations

import asyncio
import getpass
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from edge.commands.verb import StationFile, leave
from flight.errors import EmberwatchError

if TYPE_CHECKING:
    from uplink.station.store.beside import StoreBeside

T = TypeVar("T")

user_app = typer.Typer(no_args_is_help=True, help="The people who may sign in.")
token_app = typer.Typer(no_args_is_help=True, help="Tokens of programs, as webhook managers and GIS.")
drone_app = typer.Typer(no_args_is_help=True, help="Keys of drones beside those of the configuration.")
audit_app = typer.Typer(no_args_is_help=True, help="The log of who did what.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="without spaces")]
DroneArgument = Annotated[str, typer.Argument(metavar="ID", help="the drone's name on the wire")]
RoleOption = Annotated[
    str,
    typer.Option(metavar="ROLE", help="viewer (looks), pilot (orders, incidents) or admin (looks after all)"),
]


# --- people -------------------------------------------------------------------------------------------


@user_app.command("add")
def add_user(name: NameArgument, config: StationFile, role: RoleOption = "viewer") -> None:
    """A person who may sign in. The password is asked for, or is one line on standard input."""
    from uplink.station.access_answers import UserName

    _must_be_a_name(UserName, name)
    kept, whose = _new_password(), _role(role)
    _with_store(config, lambda store: store.users.add(name, whose, kept, by=_by(), now_s=time.time()))


@user_app.command("list")
def list_users(config: StationFile) -> None:
    """Who may sign in, as what, and since when."""
    people = _with_store(config, lambda store: store.users.load())
    for user in people.users:
        barred = "\tdisabled" if user.disabled else ""
        _say(f"{user.name}\t{user.role}\t{_day(user.created_at_s)}{barred}")


@user_app.command("remove")
def remove_user(name: NameArgument, config: StationFile) -> None:
    """Ends all sessions of a user, and no new one begins."""
    _with_store(config, lambda store: store.users.remove(name, by=_by(), now_s=time.time()))


@user_app.command("password")
def set_password(name: NameArgument, config: StationFile) -> None:
    """Another password, asked for or one line on standard input. Ends the user's sessions."""
    from edge.config.file import load_station_config
    from uplink.station.first_admin import NAME, forget_first_password
    from uplink.station.people import name_key

    kept = _new_password()
    _with_store(config, lambda store: store.users.set_password(name, kept, by=_by(), now_s=time.time()))
    if name_key(name) == NAME:
        forget_first_password(load_station_config(config).data_dir)


@user_app.command("role")
def set_role(
    name: NameArgument,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, pilot or admin")],
    config: StationFile,
) -> None:
    """What a user may do from now on."""
    whose = _role(role)
    _with_store(config, lambda store: store.users.set_role(name, whose, by=_by(), now_s=time.time()))


@user_app.command("disable")
def disable_user(name: NameArgument, config: StationFile) -> None:
    """Ends all sessions of a user, and no new one begins until they are enabled."""
    _with_store(config, lambda store: store.users.set_disabled(name, True, by=_by(), now_s=time.time()))


@user_app.command("enable")
def enable_user(name: NameArgument, config: StationFile) -> None:
    """A user who was disabled may sign in again."""
    _with_store(config, lambda store: store.users.set_disabled(name, False, by=_by(), now_s=time.time()))


# --- programs -----------------------------------------------------------------------------------------


@token_app.command("add")
def add_token(name: NameArgument, config: StationFile, role: RoleOption = "viewer") -> None:
    """A token for a program, shown this once: it goes into `Authorization: Bearer`."""
    from uplink.station.access_answers import UserName
    from uplink.station.sessions import digest_of, new_secret

    _must_be_a_name(UserName, name)
    token, whose = new_secret(), _role(role)
    _with_store(
        config,
        lambda store: store.users.add_token(name, whose, digest_of(token), by=_by(), now_s=time.time()),
    )
    _say(token)


@token_app.command("list")
def list_tokens(config: StationFile) -> None:
    """The programs that may ask, as what, since when, and who let them in."""
    people = _with_store(config, lambda store: store.users.load())
    for token in people.tokens:
        _say(f"{token.name}\t{token.role}\t{_day(token.created_at_s)}\t{token.created_by}")


@token_app.command("remove")
def remove_token(name: NameArgument, config: StationFile) -> None:
    """The program may ask no more."""
    _with_store(config, lambda store: store.users.remove_token(name, by=_by(), now_s=time.time()))


# --- drones -------------------------------------------------------------------------------------------


@drone_app.command("add")
def add_drone(drone_id: DroneArgument, config: StationFile) -> None:
    """A key for a new drone, shown this once: it is the one line of the drone's key_file."""
    from uplink.messages import DroneId

    _must_be_a_name(DroneId, drone_id)
    known = _known_drones(config)
    if drone_id in known:
        raise EmberwatchError(
            f"drone {drone_id} is known already",
            hint=f"Another key: emberwatch station drone rekey {drone_id}",
        )
    _make_key(config, drone_id)


@drone_app.command("rekey")
def rekey_drone(drone_id: DroneArgument, config: StationFile) -> None:
    """Another key, shown this once; the one before is no longer taken. Lets a revoked drone in again."""
    _must_be_known(config, drone_id)
    _make_key(config, drone_id)


@drone_app.command("revoke")
def revoke_drone(drone_id: DroneArgument, config: StationFile) -> None:
    """Shuts a drone out at once, whatever the configuration says: it was lost, or its key was."""
    _must_be_known(config, drone_id)
    _with_store(config, lambda store: store.keys.revoke(drone_id, by=_by(), now_s=time.time()))


@drone_app.command("list")
def list_drones(config: StationFile) -> None:
    """Every drone that may send, where its key is from, and those that were shut out."""
    for drone_id, state in _known_drones(config).items():
        _say(f"{drone_id}\t{state}")


# --- the log ------------------------------------------------------------------------------------------


@audit_app.command("verify")
def verify_audit(config: StationFile) -> None:
    """Whether the audit log is whole. Note the hash it ends with elsewhere: it shows a log made anew."""
    broken, newest = _with_store(config, _look_at_audit)
    if broken is not None:
        _say(f"The audit log is broken at line {broken}: it, or one before it, is not what was written.")
        leave(1)
    if newest is None:
        _say("The audit log is empty.")
    else:
        _say(f"The audit log is whole: {newest.number} lines, the last of {newest.at:%Y-%m-%d %H:%M:%S} UTC.")
        _say(f"{newest.number} {newest.hash}")


async def _look_at_audit(store: StoreBeside) -> tuple[int | None, Any]:
    broken = await store.audit.first_break()
    newest = await store.audit.newest(1)
    return broken, newest[0] if newest else None


# --- what they share ----------------------------------------------------------------------------------


def _with_store(config: Path, work: Callable[[StoreBeside], Awaitable[T]]) -> T:
    from edge.config.file import load_station_config
    from uplink.station.store.beside import StoreBeside

    store = StoreBeside(load_station_config(config).data_dir)

    async def all_of_it() -> T:
        return await work(store)

    try:
        return asyncio.run(all_of_it())
    finally:
        store.close()


def _known_drones(config: Path) -> dict[str, str]:
    from edge.config.file import load_station_config

    known = {drone.id: "configuration" for drone in load_station_config(config).drones}
    for key in _with_store(config, lambda store: store.keys.load()):
        known[key.drone_id] = "revoked" if key.revoked else "station"
    return dict(sorted(known.items()))


def _must_be_known(config: Path, drone_id: str) -> None:
    if drone_id not in _known_drones(config):
        raise EmberwatchError(f"there is no drone {drone_id}", hint="See: emberwatch station drone list")


def _make_key(config: Path, drone_id: str) -> None:
    from uplink.station.sessions import digest_of, new_secret

    key = new_secret()
    _with_store(config, lambda store: store.keys.put(drone_id, digest_of(key), by=_by(), now_s=time.time()))
    _say(key)


def _role(text: str) -> Any:
    from uplink.station.people import Role

    if text not in list(Role):
        raise EmberwatchError(f"there is no role {text}", hint=f"One of: {', '.join(Role)}")
    return Role(text)


def _must_be_a_name(kind: Any, text: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        raise EmberwatchError(
            f"{text!r} is no name that can be used", hint="1 to 64 characters, without spaces."
        ) from None


def _new_password() -> str:
    """Its hash: the password itself goes no further."""
    from uplink.station import passwords

    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not passwords.MIN_LENGTH <= len(password) <= passwords.MAX_LENGTH:
        raise EmberwatchError(
            "this password cannot be used",
            hint=f"Give {passwords.MIN_LENGTH} to {passwords.MAX_LENGTH} characters.",
        )
    return passwords.hash_password(password)


def _by() -> str:
    """Whoever has a shell here is named in the audit log by their login."""
    return f"shell {getpass.getuser()}"


def _day(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d}"


def _say(line: str) -> None:
    """Plain, so that a program can read it."""
    sys.stdout.write(line + "\n")

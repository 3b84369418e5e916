"""What the station is asked and answers about who may do what: sessions, users, tokens, keys of drones."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from uplink.messages import DroneId, Message, UtcTime
from uplink.station import passwords
from uplink.station.people import Role

# Slashes would be parts of a path; what nobody sees would make two names look like one.
_NOT_IN_NAMES = r"\s/\\\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
UserName = Annotated[
    str,
    Field(
        pattern=rf"^[^.{_NOT_IN_NAMES}][^{_NOT_IN_NAMES}]{{0,63}}$",
        description="without spaces or slashes",
    ),
]
Password = Annotated[str, Field(min_length=passwords.MIN_LENGTH, max_length=passwords.MAX_LENGTH)]


class SessionState(Message):
    """Who asks, as the station knows them, and what their page needs."""

    name: str | None = Field(description="none while the station does not know who asks")
    role: Role | None
    tag: str | None = Field(description="of this page, as in the leases")
    sign_in_needed: bool = Field(description="false where whoever sits at the machine is its admin")
    csrf_token: str = Field(
        description="goes into `X-Emberwatch-Csrf` of what changes something; may be empty"
    )
    ends_at: UtcTime | None = Field(description="when the session ends however it is used")


class SignIn(Message):
    """A name and its password."""

    name: str = Field(max_length=64)
    password: str = Field(max_length=passwords.MAX_LENGTH)


class NewPassword(Message):
    """Of who asks."""

    old_password: str = Field(max_length=passwords.MAX_LENGTH)
    new_password: Password


class UserState(Message):
    """A person who may sign in."""

    name: str
    role: Role
    created_at: UtcTime
    disabled: bool = Field(description="may not sign in; what they did stays theirs")
    sessions: int = Field(ge=0, description="that have not ended")
    last_used_at: UtcTime | None = Field(description="of the latest of these sessions")


class UserSession(Message):
    """One browser that is signed in."""

    id: str = Field(description="to end it by; it opens nothing")
    begun_at: UtcTime
    used_at: UtcTime = Field(description="an open page uses it")
    ends_at: UtcTime = Field(description="unless it is used until then")
    address: str = Field(description="from which it began")
    browser: str = Field(description="as it called itself")
    current: bool = Field(description="of who asks")


class NewUser(Message):
    """A person who may sign in from now on."""

    name: UserName
    role: Role
    password: Password


class UserChange(Message):
    """What changes of a user; what is not named stays."""

    role: Role | None = None
    password: Password | None = None
    disabled: bool | None = None


class ResetPassword(Message):
    """Shown this once: the station keeps a hash."""

    name: str
    password: str = Field(description="for who forgot theirs, to be changed by them")


class TokenState(Message):
    """What a program shows instead of signing in."""

    name: str
    role: Role
    created_at: UtcTime
    created_by: str
    used_at: UtcTime | None = Field(description="when it was last shown; none: never")


class NewToken(Message):
    """A program that may ask from now on."""

    name: UserName
    role: Role


class MadeToken(Message):
    """Shown this once: the station keeps a digest."""

    name: str
    token: str


class DroneKeyState(Message):
    """Whether the station takes a drone's key, and where that key is from."""

    drone_id: DroneId
    state: Literal["configuration", "station", "revoked"] = Field(
        description="declared in the configuration, made by the station, or no longer taken"
    )
    changed_at: UtcTime | None = Field(description="when it was made or revoked here")
    name: str = Field(description="that the drone gives itself; empty before it was heard")
    heard_at: UtcTime | None = Field(description="when it was last heard; none: never")
    agent: str = Field(description="the version of its agent, as it last told; empty where it does not say")
    firmware: str = Field(description="its autopilot's")


class MadeKey(Message):
    """Shown this once: the station keeps a digest."""

    drone_id: DroneId
    key: str

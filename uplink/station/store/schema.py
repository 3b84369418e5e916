"""The tables of the station's database, as the steps by which they came to be.

A database of layout N (``user_version``) is brought forward by the steps after the Nth; a step that was ever
released is never changed. Times ending in _s are seconds since 1970. A body is the message's own JSON.
"""

from __future__ import annotations

# A delivery is one event to one endpoint; lease_until_s is set while an attempt is in flight.
_FIRST = (
    """
create table alerts (
    id text primary key, drone_id text not null, revision integer not null,
    confirmed_at_s real not null, received_at_s real not null, body text not null
)""",
    "create index alerts_by_time on alerts (confirmed_at_s, id)",
    """
create table media (
    sha256 text primary key, drone_id text not null, size_bytes integer not null, received_at_s real not null
)""",
    "create table states (drone_id text primary key, body text not null)",
    "create table patrols (drone_id text primary key, body text not null)",
    """
create table track_points (
    drone_id text not null, number integer not null, lon_deg real not null, lat_deg real not null,
    primary key (drone_id, number)
) without rowid""",
    """
create table deliveries (
    id integer primary key autoincrement, event_id text not null, type text not null,
    alert_id text not null, revision integer not null, endpoint_id text not null, url_host text not null,
    body text not null, state text not null default 'waiting', attempts integer not null default 0,
    created_at_s real not null, due_at_s real not null, lease_until_s real,
    last_status integer, last_error text, delivered_at_s real,
    unique (event_id, endpoint_id)
)""",
    "create index deliveries_due on deliveries (endpoint_id, due_at_s) where state = 'waiting'",
)
# Orders are never deleted: who asked a drone for what has to be answerable later.
_ORDERS = (
    """
create table orders (
    id text primary key, drone_id text not null, kind text not null, operator text not null,
    given_at_s real not null, fate text not null, fate_at_s real not null, body text not null
)""",
    "create index orders_by_time on orders (given_at_s, id)",
)
# Each row's hash covers the row and the hash before it; the triggers keep honest programs from changing any.
_AUDIT = (
    """
create table audit (
    seq integer primary key, at_s real not null, who text not null, what text not null, about text not null,
    detail text not null, hash text not null
)""",
    "create index audit_by_about on audit (about, seq)",
    """
create trigger audit_is_not_changed before update on audit
begin select raise(abort, 'the audit log is only added to'); end""",
    """
create trigger audit_is_not_deleted before delete on audit
begin select raise(abort, 'the audit log is only added to'); end""",
)
_ACCESS: tuple[str, ...] = ()
_INCIDENTS: tuple[str, ...] = ()
_WEBHOOKS: tuple[str, ...] = ()
_MEDIA: tuple[str, ...] = ()
_TELEMETRY: tuple[str, ...] = ()

STEPS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    _ORDERS,
    _AUDIT,
    _ACCESS,
    _INCIDENTS,
    _WEBHOOKS,
    _MEDIA,
    _TELEMETRY,
)

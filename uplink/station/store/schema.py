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
# A key is a name without the difference of capitals. Passwords, sessions, tokens and keys of drones are here
# as what they hash to. A drone of the configuration has a row only once its key was revoked or replaced.
_ACCESS = (
    """
create table users (
    key text primary key, name text not null, role text not null, password_hash text not null,
    created_at_s real not null, changed_at_s real not null
)""",
    """
create table sessions (
    digest text primary key, user_key text not null, begun_at_s real not null, used_at_s real not null
)""",
    "create index sessions_by_user on sessions (user_key, begun_at_s)",
    """
create table tokens (
    key text primary key, name text not null, role text not null, digest text not null unique,
    created_at_s real not null, created_by text not null
)""",
    """
create table drone_keys (
    drone_id text primary key, digest text unique, revoked integer not null, changed_at_s real not null
)""",
)
# A footprint is where and when alerts are; those in one cluster may have to do with one another, and an
# incident is a part of a cluster. pin and cut_s of an alert are what people said of it. An incident that
# became part of another keeps its row, which says where it moved to. news counts what its alerts said, told
# how much of that evidence knows.
_INCIDENTS = (
    """
create table footprints (
    id integer primary key autoincrement, key text not null unique, cluster integer not null,
    incident_id text not null, is_plain integer not null
)""",
    "create index footprints_by_cluster on footprints (cluster, is_plain)",
    "create index footprints_by_incident on footprints (incident_id)",
    "create virtual table reaches using rtree (id, west, east, south, north, start_s, end_s)",
    "alter table alerts add column footprint_id integer",
    "alter table alerts add column pin text",
    "alter table alerts add column cut_s real",
    "alter table alerts add column first_seen_s real",
    "alter table alerts add column last_seen_s real",
    "alter table alerts add column spread_m2 real",
    "alter table alerts add column state text",
    "alter table alerts add column label text",
    "alter table alerts add column probability real",
    "alter table alerts add column area_m2 real",
    "alter table alerts add column growth_m2_per_min real",
    "create index alerts_by_footprint on alerts (footprint_id, confirmed_at_s, id)",
    "create index alerts_by_pin on alerts (pin) where pin is not null",
    "create index alerts_unlinked on alerts (confirmed_at_s, id) where footprint_id is null",
    """
create table alert_revisions (
    alert_id text not null, revision integer not null, received_at_s real not null, state text not null,
    last_seen_s real not null, primary key (alert_id, revision)
) without rowid""",
    """
create table incidents (
    id text primary key, moved_to text, first_alert_id text not null, first_confirmed_s real not null,
    state text not null, life text not null, evidence text not null default '',
    first_seen_s real not null default 0, last_seen_s real not null default 0, lat_deg real, lon_deg real,
    due_s real, news integer not null default 1, told integer not null default 0, updated_at_s real not null
)""",
    "create index incidents_by_time on incidents (first_confirmed_s, id) where moved_to is null",
    "create index incidents_by_state on incidents (state) where moved_to is null",
    "create index incidents_due on incidents (due_s) where due_s is not null and moved_to is null",
    "create index incidents_with_news on incidents (updated_at_s) where news > told",
    "create index incidents_moved on incidents (moved_to) where moved_to is not null",
    """
create table incident_steps (
    seq integer primary key, incident_id text not null, at_s real not null, what text not null,
    who text not null, reason text not null, decision_id text, origin integer
)""",
    "create index incident_steps_by_incident on incident_steps (incident_id, seq)",
    """
create table decisions (
    id text primary key, what text not null, pins_before text not null, pins_after text not null,
    undone integer not null default 0
)""",
    "create table apart (pin text not null, other text not null, primary key (pin, other)) without rowid",
    """
create table suppressed (
    drone_id text not null, hotspot_id text not null, zone text not null, reason text not null,
    label text not null, position text not null, first_seen_s real not null, last_seen_s real not null,
    primary key (drone_id, hotspot_id)
)""",
    "create index suppressed_by_time on suppressed (last_seen_s, hotspot_id)",
    """
create table tips (
    id text primary key, source text not null, external_id text not null, state text not null,
    received_at_s real not null, body text not null, unique (source, external_id)
)""",
    "create index tips_by_time on tips (received_at_s, id)",
    "create index tips_by_state on tips (state, received_at_s, id)",
)
# What a delivery is about need not be an alert. ``step`` is how far it is in the schedule: where an endpoint
# is broken, one attempt speaks for all that were due.
_WEBHOOKS: tuple[str, ...] = (
    "alter table deliveries rename column alert_id to subject_id",
    "alter table deliveries add column step integer not null default 0",
    "update deliveries set step = attempts",
    "drop index deliveries_due",
    "create index deliveries_waiting on deliveries (endpoint_id, id) where state = 'waiting'",
    "create index deliveries_by_subject on deliveries (subject_id, endpoint_id)",
    """
create table delivery_attempts (
    id integer primary key, delivery_id integer not null, at_s real not null, took_ms real,
    status integer, error text
)""",
    "create index delivery_attempts_by_delivery on delivery_attempts (delivery_id, id)",
    """
create table disabled_endpoints (
    id text primary key, disabled_at_s real not null, reason text not null
)""",
)
# Which alert names which picture is asked when a picture's time is over; triggers keep it, whoever writes
# alerts. hold says why a picture is kept for good.
_MEDIA = (
    """
create table uploads (
    drone_id text not null, sha256 text not null, offset_bytes integer not null, size_bytes integer not null,
    touched_at_s real not null, primary key (drone_id, sha256)
)""",
    "alter table media add column state text not null default 'unchecked'",
    "alter table media add column flaw text not null default ''",
    "alter table media add column hold text not null default ''",
    "create table beats (one integer primary key check (one = 1), at_s real not null)",
    "create index media_unchecked on media (received_at_s) where state = 'unchecked'",
    "create index media_by_time on media (received_at_s, sha256)",
    """
create table evidence (
    sha256 text not null, alert_id text not null, primary key (sha256, alert_id)
) without rowid""",
    """
insert or ignore into evidence
select value ->> 'sha256', alerts.id from alerts, json_each(alerts.body, '$.evidence')""",
    """
create trigger evidence_of_new_alerts after insert on alerts
begin
    insert or ignore into evidence select value ->> 'sha256', new.id from json_each(new.body, '$.evidence');
end""",
    """
create trigger evidence_of_changed_alerts after update of body on alerts
begin
    insert or ignore into evidence select value ->> 'sha256', new.id from json_each(new.body, '$.evidence');
end""",
)
# at_s is the drone's time, heard_at_s ours.
_TELEMETRY = (
    """
create table telemetry (
    id integer primary key autoincrement, drone_id text not null,
    at_s real not null, heard_at_s real not null, lat_deg real, lon_deg real, alt_amsl_m real,
    height_agl_m real, heading_deg real, ground_speed_m_s real, battery_percent real,
    mode text not null, armed integer, seeing text not null
)""",
    "create index telemetry_by_drone on telemetry (drone_id, at_s, id)",
    "create index telemetry_by_age on telemetry (heard_at_s)",
)

# cap_due: incidents that have changed since somebody looked whether warning systems have to hear of it.
_FEEDS = (
    """
create table cap_messages (
    seq integer primary key, incident_id text not null, number integer not null, kind text not null,
    sent_s real not null, headline text not null, body text not null, incident text not null,
    unique (incident_id, number)
)""",
    "create table cap_due (incident_id text primary key) without rowid",
    "insert into cap_due select id from incidents",
    """
create trigger cap_due_of_new_incidents after insert on incidents
begin insert or ignore into cap_due values (new.id); end""",
    """
create trigger cap_due_of_changed_incidents after update of moved_to, life, evidence on incidents
when new.moved_to is not old.moved_to or new.life <> old.life or new.evidence <> old.evidence
begin insert or ignore into cap_due values (new.id); end""",
)
# What a drone tells of its ground: one of each kind, the newest.
_GROUND = (
    """
create table shown (
    drone_id text not null, what text not null, body text not null, primary key (drone_id, what)
) without rowid""",
)

# Who was sent stands by itself; what incidents say of their alerts is reckoned anew, with the pictures.
_UNITS = (
    "alter table incident_steps add column unit text not null default ''",
    "create index incident_steps_by_unit on incident_steps (unit, seq) where unit <> ''",
    "update incidents set news = news + 1 where moved_to is null",
)

# digest: of what a link opens with.
_CREW = (
    """
create table crew_links (
    id text primary key, digest text not null unique, incident_id text not null, made_by text not null,
    made_at_s real not null, expires_at_s real not null, revoked_by text, revoked_at_s real
)""",
    "create index crew_links_by_incident on crew_links (incident_id)",
    "create index crew_links_by_end on crew_links (expires_at_s)",
)

# What replaying a flight needs. A flight is cut out of the telemetry; flight_cuts has how far that is, by
# drone: its last state and the flight that goes on.
_FLIGHTS = (
    "alter table telemetry add column clock_s real",
    "alter table telemetry add column run text",
    "alter table telemetry add column fixed integer not null default 0",
    "alter table telemetry add column height_home_m real",
    "alter table telemetry add column control text",
    "alter table telemetry add column blind_reason text not null default ''",
    "alter table telemetry add column patrol text",
    "alter table telemetry add column footprint text",
    "create index telemetry_by_arrival on telemetry (drone_id, id)",
    """
create table flights (
    id text primary key, drone_id text not null, kind text not null, started_s real not null,
    last_s real not null, ended text, first_row integer not null, last_row integer not null,
    body text not null
)""",
    "create index flights_by_time on flights (started_s, id)",
    "create index flights_by_drone on flights (drone_id, started_s, id)",
    "create index flights_by_age on flights (last_s)",
    """
create table flight_cuts (
    drone_id text primary key, last text not null, flight_id text
)""",
    "create table flights_cut (one integer primary key check (one = 1), telemetry_id integer not null)",
    "insert into flights_cut values (1, 0)",
    "create index alerts_by_drone on alerts (drone_id, confirmed_at_s, id)",
    "create index orders_by_drone on orders (drone_id, given_at_s, id)",
)

# An alert that an ignore zone holds back has no footprint, and so no incident. settled: what the end of the
# zone, if it has one, lets go has been told.
_ZONES = (
    """
create table ignore_zones (
    id text primary key, version integer not null, name_key text not null, body text not null,
    west real not null, east real not null, south real not null, north real not null,
    end_s real, removed_s real, settled integer not null default 0
)""",
    "create unique index ignore_zones_by_name on ignore_zones (name_key) where removed_s is null",
    """
create table ignore_zone_versions (
    zone_id text not null, version integer not null, at_s real not null, who text not null,
    what text not null, body text not null, primary key (zone_id, version)
) without rowid""",
    "alter table alerts add column zone_id text",
    "alter table alerts add column zone_version integer",
    "alter table alerts add column zone_name text",
    "create index alerts_in_zones on alerts (zone_id, last_seen_s) where zone_id is not null",
    "create index alerts_suppressed on alerts (last_seen_s, id) where zone_id is not null",
    "drop index alerts_unlinked",
    """
create index alerts_unlinked on alerts (confirmed_at_s, id)
where footprint_id is null and zone_id is null""",
)
# A patrol's row is its newest version as the list shows it; one that was deleted keeps its row, so that what
# a drone was sent can be told. package is what drones are sent, under its hash.
_PATROLS = (
    """
create table library (
    id text primary key, version integer not null, name text not null, changed_at_s real not null,
    deleted integer not null default 0, body text not null
)""",
    "create index library_by_time on library (changed_at_s, id) where deleted = 0",
    """
create table library_versions (
    patrol_id text not null, version integer not null, body text not null, package_sha256 text, package blob,
    primary key (patrol_id, version)
)""",
    "create index library_by_package on library_versions (package_sha256) where package_sha256 is not null",
)

# What admins see of people and programs, and what they set while the station runs.
_ADMIN = (
    "alter table users add column disabled integer not null default 0",
    "alter table sessions add column address text not null default ''",
    "alter table sessions add column browser text not null default ''",
    "alter table tokens add column used_at_s real",
    "create table settings (name text primary key, body text not null) without rowid",
    "create index audit_by_who on audit (who, seq)",
    "create index audit_by_what on audit (what, seq)",
    "create index audit_by_time on audit (at_s, seq)",
)

# Why a drone that sees was not as it should be; null is for nothing.
_DEGRADED = ("alter table telemetry add column degraded text",)

STEPS: tuple[tuple[str, ...], ...] = (
    _FIRST,
    _ORDERS,
    _AUDIT,
    _ACCESS,
    _INCIDENTS,
    _WEBHOOKS,
    _MEDIA,
    _TELEMETRY,
    _FEEDS,
    _GROUND,
    _UNITS,
    _CREW,
    _FLIGHTS,
    _ZONES,
    _ADMIN,
    _PATROLS,
    _DEGRADED,
)

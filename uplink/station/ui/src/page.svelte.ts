// What the page shows: the world, the line to the station, who looks, where, and what is selected.

import type { Bounds } from "./geo.ts";
import { guarded } from "./guard.ts";
import { translator } from "./i18n.ts";
import { LiveLink, type LinkStatus } from "./live.ts";
import { Control } from "./control.svelte.ts";
import { keys } from "./kit/keys.svelte.ts";
import { measuresIn } from "./measures.ts";
import type { PickedPlace } from "./picked.ts";
import { Router } from "./router.svelte.ts";
import { Session } from "./session.svelte.ts";
import { settings } from "./settings.svelte.ts";
import { EMPTY_WORLD, reduce, tipsOf, type World } from "./state.ts";
import type { LiveEvent } from "./station.ts";

const DIGEST_MS = 40;
/** A drone speaks twice a second; after this long its numbers are history. */
export const DRONE_STALE_MS = 5_000;

class Page {
  world = $state.raw<World>(EMPTY_WORLD);
  link = $state.raw<LinkStatus>({ state: "connecting", heardAt: null, retryAt: null });
  now = $state(Date.now());
  selected = $state<string | null>(null);
  /** The drone whose telemetry the strip shows; null means the first. */
  chosenDrone = $state<string | null>(null);
  /** Incidents that came while the page was looking, for a moment of glow. */
  fresh = $state.raw<ReadonlySet<string>>(new Set());
  /** The part of the map that is in view; null without a map. */
  inView = $state.raw<Bounds | null>(null);
  /** A place on the ground that somebody pointed at, for whatever can be done with one. */
  picked = $state.raw<PickedPlace | null>(null);

  readonly session = new Session();
  readonly control = new Control(this.session);
  readonly router = new Router();

  readonly t = $derived(translator(settings.language));
  readonly measures = $derived(measuresIn(settings.units));
  /** By the station's clock, which targets are due by; in whole seconds, so that what counts them does it once a second. */
  readonly stationNow = $derived(Math.floor((this.now + this.world.aheadMs) / 1000) * 1000);
  readonly tips = $derived(tipsOf(this.world));
  readonly drones = $derived(Object.values(this.world.drones).sort((a, b) => byId(a.state.drone_id, b.state.drone_id)));
  readonly drone = $derived(this.drones.find((d) => d.state.drone_id === this.chosenDrone) ?? this.drones[0] ?? null);
  readonly everHeard = $derived(this.link.heardAt !== null);

  /** Elements that the station said since its last snapshot and that could not be shown. */
  unreadable = $state(0);

  #inbox: LiveEvent[] = [];
  #greeted = false; // what the first snapshot brings is not news

  start(): () => void {
    const link = new LiveLink(
      (event) => this.#receive(event),
      (status) => {
        this.link = status;
        // The station is away, or it shut the door on a session that is over.
        if (status.state === "offline") void this.session.identify();
      },
    );
    let stopLink: (() => void) | null = null;
    const clock = setInterval(() => (this.now = Date.now()), 1000);
    const stops = [
      settings.start(),
      this.router.start(),
      keys.start(),
      this.control.start(() => this.world.leases),
      this.session.start((mayLook) => {
        if (mayLook) stopLink ??= link.start();
        else {
          stopLink?.();
          stopLink = null;
          this.#forget();
        }
      }),
    ];
    return () => {
      stopLink?.();
      for (const stop of stops) stop();
      clearInterval(clock);
    };
  }

  /** What the station answered is shown at once, without waiting for its message. */
  hear(event: LiveEvent): void {
    this.#receive(event);
  }

  /** Of an incident or a tip. */
  toggle(id: string): void {
    this.selected = this.selected === id ? null : id;
  }

  /** What one person saw is not for the next one at this page. */
  #forget(): void {
    this.#inbox = [];
    this.#greeted = false;
    this.world = EMPTY_WORLD;
    this.unreadable = 0;
    this.link = { state: "connecting", heardAt: null, retryAt: null };
    this.selected = this.chosenDrone = this.picked = null;
    this.fresh = new Set();
  }

  /** Events of one moment change the page once. */
  #receive(said: LiveEvent): void {
    const { value: event, dropped } = guarded(said);
    this.unreadable = (said.type === "snapshot" ? 0 : this.unreadable) + dropped;
    if (event === null) return;
    this.#inbox.push(event);
    if (this.#inbox.length === 1) setTimeout(() => this.#digest(), DIGEST_MS);
  }

  #digest(): void {
    const events = this.#inbox;
    this.#inbox = [];
    const now = Date.now();
    const before = this.world;
    const world = events.reduce((known, event) => reduce(known, event, now), before);
    if (this.#greeted) {
      const arrived = Object.keys(world.incidents).filter((id) => !before.incidents[id]);
      if (arrived.length > 0) this.fresh = new Set([...this.fresh, ...arrived]);
    }
    this.#greeted ||= events.some((event) => event.type === "snapshot");
    this.world = world;
    this.now = now;
  }
}

function byId(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export const page = new Page();

// The patrol that is drawn: its steps, what the station makes of it, and what is kept.

import { announcer } from "../kit/announcer.svelte.ts";
import { page } from "../page.svelte.ts";
import { isRefusal } from "../session.svelte.ts";
import type {
  CameraChoice,
  ImportedPatrol,
  LatLon,
  PatrolDraft,
  PatrolFile,
  PatrolKind,
  PatrolPreview,
  PatrolSummary,
  StoredPatrol,
} from "./answers.ts";
import {
  asKind,
  begun,
  crossings,
  done,
  kindOf,
  missing,
  newDraft,
  redone,
  sameDraft,
  toSend,
  undone,
  withImported,
  type Steps,
} from "./draft.ts";
import { cornersOf, withCorners, type ShapeName } from "./shapes.ts";

const PLANNING_MS = 60_000;
const REST_MS = 500;
const MOST_BYTES = 6 * 1024 * 1024;
const MOST_LISTED = 500;

class Patrols {
  list = $state.raw<readonly PatrolSummary[] | null>(null);
  /** Why the list could not be read; an empty text is no answer. */
  listFailed = $state<string | null>(null);
  cameras = $state.raw<readonly CameraChoice[]>([]);

  /** What is open; null: the list is. */
  steps = $state.raw<Steps | null>(null);
  /** As it was last saved; null for a new one. */
  stored = $state.raw<StoredPatrol | null>(null);
  shape = $state<ShapeName>("area");
  /** Whether a click on the map is a corner. */
  drawing = $state(false);
  /** The flight that is looked at, from 0; null: all. */
  flight = $state<number | null>(null);
  preview = $state.raw<PatrolPreview | null>(null);
  planning = $state(false);
  /** Why the station did not plan it. */
  askFailed = $state("");
  saving = $state(false);
  saveFailed = $state("");
  /** Raised to have the map show all of it. */
  fit = $state(0);

  readonly draft = $derived(this.steps?.now ?? null);
  readonly lacks = $derived(this.draft ? missing(this.draft) : "");
  readonly crossed = $derived(this.draft ? crossings(this.draft) : []);
  readonly unsaved = $derived(this.draft !== null && (this.stored === null || !sameDraft(this.stored.draft, this.draft)));

  #asked = 0;

  async read(): Promise<void> {
    const answer = await page.session.request<PatrolSummary[]>("GET", `patrols?limit=${MOST_LISTED}`);
    if (isRefusal(answer)) this.listFailed = answer.reason || page.t("noAnswer");
    else {
      this.list = answer;
      this.listFailed = null;
    }
  }

  async readCameras(): Promise<void> {
    if (this.cameras.length > 0) return;
    const answer = await page.session.request<CameraChoice[]>("GET", "patrols/cameras", undefined, PLANNING_MS);
    if (!isRefusal(answer)) this.cameras = answer;
  }

  /** False where there is none. */
  async open(id: string): Promise<boolean> {
    if (this.stored?.id === id) return true;
    const answer = await page.session.request<StoredPatrol>("GET", `patrols/${id}`);
    if (isRefusal(answer)) return false;
    this.#show(answer.draft, answer);
    return true;
  }

  begin(kind: Exclude<PatrolKind, "plan"> = "area"): void {
    const draft = newDraft(page.t("patrolUnnamed", { n: (this.list?.length ?? 0) + 1 }));
    this.#show({ ...draft, patrol: asKind(draft.patrol, kind) }, null);
    this.drawing = true;
  }

  /** A place that was pointed at elsewhere: the next corner of what is being drawn, or the first point of a new patrol. */
  goOnAt(at: LatLon): void {
    if (!this.steps || this.stored) this.begin("points");
    this.place(at);
    this.fit++;
  }

  close(): void {
    this.steps = this.stored = this.preview = null;
    this.drawing = false;
  }

  /** `about` names what is typed or dragged: a whole word, or way, is one step back. */
  change(draft: PatrolDraft, about = ""): void {
    if (!this.steps) return;
    this.steps = done(this.steps, draft, about, Date.now());
  }

  set(patrol: PatrolFile, about = ""): void {
    if (this.draft) this.change({ ...this.draft, patrol }, about);
  }

  undo(): void {
    if (this.steps) this.steps = undone(this.steps);
  }

  redo(): void {
    if (this.steps) this.steps = redone(this.steps);
  }

  /** Of a draft that rests: the last asked is the one that counts. */
  planSoon(draft: PatrolDraft): () => void {
    const timer = setTimeout(() => void this.#plan(draft), REST_MS);
    return () => clearTimeout(timer);
  }

  async #plan(draft: PatrolDraft): Promise<void> {
    const number = ++this.#asked;
    this.planning = true;
    const answer = await page.session.request<PatrolPreview>("POST", "patrols/plan", toSend(draft), PLANNING_MS);
    if (number !== this.#asked) return;
    this.planning = false;
    if (isRefusal(answer)) {
      this.askFailed = answer.reason || page.t("noAnswer");
      this.preview = null;
    } else {
      this.askFailed = "";
      this.preview = answer;
      this.flight = null;
    }
  }

  /** There is nothing to be planned yet. */
  unplanned(): void {
    this.#asked++;
    this.planning = false;
    this.preview = null;
    this.askFailed = "";
  }

  /** The id under which it is kept; null where it is not. */
  async save(): Promise<string | null> {
    if (!this.draft || this.saving) return null;
    this.saving = true;
    const [draft, known] = [this.draft, this.stored];
    const answer = await page.session.request<StoredPatrol>(
      known ? "PUT" : "POST",
      known ? `patrols/${known.id}?version=${known.version}` : "patrols",
      toSend(draft),
      PLANNING_MS,
    );
    this.saving = false;
    if (isRefusal(answer)) {
      this.saveFailed = answer.reason || page.t("noAnswer");
      return null;
    }
    this.saveFailed = "";
    this.stored = answer;
    announcer.say(page.t("patrolSaved", { n: answer.version }), "ok");
    void this.read();
    return answer.id;
  }

  async delete(): Promise<boolean> {
    const known = this.stored;
    if (!known) return true;
    const taken = await page.session.ask("DELETE", `patrols/${known.id}?version=${known.version}`);
    if (taken) announcer.say(page.t("patrolDeleted", { name: known.draft.patrol.name }), "ok");
    else this.saveFailed = page.session.failure || page.t("noAnswer");
    void this.read();
    return taken;
  }

  /** Into what is open, or as a new patrol. */
  async import(file: File): Promise<boolean> {
    const failed = (reason: string): boolean => {
      announcer.say(page.t("patrolImportFailed", { reason }), "bad");
      return false;
    };
    if (file.size > MOST_BYTES) return failed(page.t("patrolTooLarge"));
    const path = `patrols/import?name=${encodeURIComponent(file.name.slice(-200))}`;
    const answer = await page.session.request<ImportedPatrol>("POST", path, file, PLANNING_MS);
    if (isRefusal(answer)) return failed(answer.reason || page.t("noAnswer"));
    if (!this.steps) this.#show(newDraft(answer.name), null);
    this.change(withImported(this.draft!, answer));
    this.shape = this.draft!.patrol.home ? this.#drawn(this.draft!.patrol) : "home";
    this.drawing = this.shape === "home" && kindOf(this.draft!.patrol) !== "plan";
    this.fit++;
    announcer.say([page.t("patrolImported", { name: answer.name }), ...answer.notes].join("\n"), "ok");
    return true;
  }

  /** Drawn on the map by a click. */
  place(at: LatLon): void {
    if (!this.draft) return;
    const { patrol } = this.draft;
    this.set(withCorners(patrol, this.shape, [...cornersOf(patrol, this.shape), at]));
    if (this.shape === "home") this.drawing = false;
  }

  #drawn(patrol: PatrolFile): ShapeName {
    const kind = kindOf(patrol);
    return kind === "plan" ? "home" : kind;
  }

  #show(draft: PatrolDraft, stored: StoredPatrol | null): void {
    this.steps = begun(draft);
    this.stored = stored;
    this.preview = stored?.preview ?? null;
    this.shape = this.#drawn(draft.patrol);
    this.drawing = false;
    this.flight = null;
    this.askFailed = this.saveFailed = "";
    this.fit++;
  }
}

export const patrols = new Patrols();

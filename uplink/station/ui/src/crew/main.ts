// The page of a crew link: one incident for somebody in the field, on any phone, without an account. What it
// showed last stays when the line breaks, and says how old it is.

import { duration, ago } from "../format.ts";
import { mapApps } from "../map_apps.ts";
import { measuresIn } from "../measures.ts";
import type { IncidentPhoto } from "../station.ts";
import "../theme.css";
import "./crew.css";
import { boxOf, wordsOf, type CrewView } from "./view.ts";
import { t } from "./words.ts";

const ASK_EVERY_MS = 10_000;
const ANSWER_MS = 8_000;
const PHOTO_AGAIN_MS = 3_000;

type Known = { state: "loading" | "over" | "busy" } | { state: "fresh" | "old"; view: CrewView; heardAt: number };

const secret = location.pathname.split("/").pop() ?? "";
const measures = measuresIn(navigator.language === "en-US" ? "imperial" : "metric");
const room = document.getElementById("crew");
let known: Known = { state: "loading" };
let photosShown = "";
const photos = element("section", "photos");

function follow(): void {
  const light = matchMedia("(prefers-color-scheme: light)");
  const look = (): void => {
    document.documentElement.dataset["look"] = light.matches ? "light" : "dark";
  };
  look();
  light.addEventListener("change", look);
}

async function ask(): Promise<void> {
  try {
    const answer = await fetch(address("now"), { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.ok) known = { state: "fresh", view: (await answer.json()) as CrewView, heardAt: Date.now() };
    else if (answer.status === 404) known = { state: "over" };
    else known = "view" in known ? { ...known, state: "old" } : { state: "busy" };
  } catch {
    if ("view" in known) known = { ...known, state: "old" };
  }
  show();
}

function address(what: string): URL {
  return new URL(`crew/${encodeURIComponent(secret)}/${what}`, document.baseURI);
}

function show(): void {
  if (!room) return;
  if (!("view" in known)) {
    const { state } = known;
    const title = state === "over" ? "crewOver" : state === "busy" ? "crewBusy" : "crewLoading";
    room.replaceChildren(element("h1", "", t(title)), element("p", "", state === "over" ? t("crewOverHint") : ""));
    return;
  }
  const { view, heardAt } = known;
  // By the station's clock, moved on by ours: a phone's own may be wrong.
  const now = Date.parse(view.now) + Date.now() - heardAt;
  const words = wordsOf(view, now, t, measures);
  document.title = `${t(view.label)} · Emberwatch`;
  const place = element("section", "place");
  place.append(element("h2", "", t("crewWhere")));
  if (words.place) {
    place.append(element("p", "coordinates", words.place), element("p", "", words.error));
    if (words.shifted) place.append(element("p", "coordinates", words.shifted));
  } else place.append(element("p", "", t("crewNoPlace")));
  const line =
    known.state === "fresh"
      ? t("crewUpdated", { time: new Date(view.expires_at).toLocaleString() })
      : t("crewNoStation", { age: duration((Date.now() - heardAt) / 1000, t) });
  showPhotos(view, now);
  room.replaceChildren(
    element("h1", view.label, words.title),
    element("p", "state", words.state),
    element("p", "", words.ages),
    ...(words.size ? [element("p", "", words.size)] : []),
    place,
    ...(view.position ? [links(view)] : []),
    photos,
    element("p", known.state === "fresh" ? "line" : "line old", line),
  );
}

function links(view: CrewView): HTMLElement {
  const nav = element("nav", "", "");
  nav.setAttribute("aria-label", t("crewOpenIn"));
  if (!view.position) return nav;
  for (const { id, href } of mapApps(view.position, view.gcj02, t(view.label))) {
    const link = element("a", "", t(`mapApp.${id}`));
    link.setAttribute("href", href);
    link.setAttribute("rel", "noopener noreferrer");
    if (id !== "geo") link.setAttribute("target", "_blank");
    nav.append(link);
  }
  return nav;
}

/** Pictures are loaded once, not each time that the page looks. */
function showPhotos(view: CrewView, now: number): void {
  const shown = view.photos.map(({ sha256 }) => sha256).join();
  if (shown === photosShown) return;
  photosShown = shown;
  photos.replaceChildren(element("h2", "", t("crewPhotos")), ...view.photos.map((photo) => figure(photo, view, now)));
  photos.hidden = view.photos.length === 0;
}

function figure(photo: IncidentPhoto, view: CrewView, now: number): HTMLElement {
  const words = t("crewPhoto", { label: t(view.label), age: ago(photo.captured_at, now, t) });
  const figure = element("figure", view.label);
  const frame = element("div", "frame");
  frame.style.aspectRatio = `${photo.width_px} / ${photo.height_px}`;
  const image = document.createElement("img");
  image.alt = words;
  image.loading = "lazy";
  let tries = 0;
  const source = (): string => address(`photos/${photo.sha256}${tries ? `?again=${tries}` : ""}`).href;
  image.onerror = () => {
    tries += 1;
    if (image.isConnected) setTimeout(() => (image.src = source()), PHOTO_AGAIN_MS * Math.min(tries, 10));
  };
  image.src = source();
  frame.append(image);
  const box = boxOf(photo);
  if (box) Object.assign(frame.appendChild(element("span", "box")).style, box);
  figure.append(frame, element("figcaption", "", words));
  return figure;
}

function element(tag: string, className = "", text = ""): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

follow();
show();
void ask();
setInterval(() => void ask(), ASK_EVERY_MS);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void ask());
addEventListener("online", () => void ask());

// The views of the page and where their code is. All but the first come when they are wanted.

import type { Component } from "svelte";
import type { Key } from "./i18n.ts";
import FlyView from "./fly/FlyView.svelte";
import type { ViewName } from "./route.ts";

export interface View {
  readonly title: Key;
  readonly load: () => Component | Promise<{ default: Component }>;
}

export const VIEWS: Readonly<Record<ViewName, View>> = {
  fly: { title: "viewFly", load: () => FlyView },
  watch: { title: "viewWatch", load: () => import("./live_view/WatchView.svelte") },
  patrols: { title: "viewPatrols", load: () => import("./patrols/PatrolsView.svelte") },
  history: { title: "viewHistory", load: () => import("./history/HistoryView.svelte") },
  admin: { title: "viewAdmin", load: () => import("./admin/AdminView.svelte") },
};

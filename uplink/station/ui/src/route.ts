// Which view is shown, by the address: `#/history/7f3a`. A link or a reload leads back to the same place. Pure.

export const NAMES = ["fly", "watch", "patrols", "history", "admin"] as const;
export type ViewName = (typeof NAMES)[number];

export interface Route {
  readonly view: ViewName;
  /** What follows the view's name, decoded. */
  readonly rest: readonly string[];
}

export function routeOf(hash: string): Route {
  const [name = "", ...rest] = hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  const view = NAMES.find((known) => known === name);
  return view ? { view, rest: rest.map(decoded) } : { view: NAMES[0], rest: [] };
}

/** What a link to a place on the page says. */
export function hashOf(view: ViewName, ...rest: readonly string[]): string {
  return `#/${[view, ...rest.map(encodeURIComponent)].join("/")}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

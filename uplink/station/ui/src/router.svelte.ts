// Follows the address.

import { hashOf, routeOf, type Route, type ViewName } from "./route.ts";

export class Router {
  now = $state.raw<Route>(routeOf(location.hash));

  start(): () => void {
    const follow = (): void => {
      this.now = routeOf(location.hash);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }

  go(view: ViewName, ...rest: readonly string[]): void {
    location.hash = hashOf(view, ...rest);
  }
}

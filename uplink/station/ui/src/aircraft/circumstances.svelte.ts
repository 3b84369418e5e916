// What the page knows of one drone that decides what may be ordered of it. Reactive where it is called.

import { DRONE_STALE_MS, page } from "../page.svelte.ts";
import type { OrderKind } from "../messages.ts";
import { holding, mayOrder, permit, type Circumstances, type Permit } from "../permits.ts";
import { ordersOf } from "../state.ts";

export function circumstancesOf(droneId: string): Circumstances {
  const drone = page.world.drones[droneId];
  return {
    role: mayOrder(page.session.state),
    holding: holding(page.world.leases[droneId], page.session.state),
    heard: drone !== undefined && page.now - drone.heardAt <= DRONE_STALE_MS,
    orders: ordersOf(page.world, droneId),
  };
}

export function permitOf(droneId: string, kind: OrderKind): Permit {
  const drone = page.world.drones[droneId];
  return drone ? permit(kind, drone.state, circumstancesOf(droneId)) : { why: "whyNotHeard", detail: "" };
}

// Every word of the page in simplified Chinese. A key that it lacks does not compile.

import type { Key } from "../../i18n.ts";
import { common } from "./common.ts";
import { session } from "./session.ts";
import { map } from "./map.ts";
import { queue } from "./queue.ts";
import { aircraft } from "./aircraft.ts";
import { orders } from "./orders.ts";
import { crew } from "./crew.ts";
import { patrols } from "./patrols.ts";
import { admin } from "./admin.ts";
import { liveView } from "./live_view.ts";
import { history } from "./history.ts";

export const zh: Record<Key, string> = {
  ...common,
  ...session,
  ...map,
  ...queue,
  ...aircraft,
  ...orders,
  ...crew,
  ...patrols,
  ...admin,
  ...liveView,
  ...history,
};

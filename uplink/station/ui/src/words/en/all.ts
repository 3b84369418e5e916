// Every word of the page in English, a file for each area. Its keys are those that every other language must have.

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

export const en = {
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

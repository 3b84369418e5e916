// How the webhooks fare, and what an admin may do about it.

import { isRefusal, type Refusal, type Session } from "../session.svelte.ts";
import type { Delivery, WebhookState } from "../station.ts";

const TEST_MS = 20_000; // the receiver has ten seconds

/** Null when it cannot be known. */
export async function webhooks(session: Session): Promise<WebhookState[] | null> {
  const answer = await session.request<WebhookState[]>("GET", "webhooks");
  return isRefusal(answer) ? null : answer;
}

/** What came of a test. */
export function testWebhook(session: Session, id: string): Promise<Delivery | Refusal> {
  return session.request<Delivery>("POST", `webhooks/${id}/test`, undefined, TEST_MS);
}

export function enableWebhook(session: Session, id: string): Promise<boolean> {
  return session.ask("POST", `webhooks/${id}/enable`);
}

/** Sends again whatever was given up. */
export function replayWebhook(session: Session, id: string): Promise<boolean> {
  return session.ask("POST", `webhooks/${id}/replay`, { since: "1970-01-01T00:00:00Z" });
}

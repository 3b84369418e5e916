// What the page tells in passing: shown for a while in a corner, and read out. What stays true belongs into the
// page itself, and what is urgent into the alarms.

const SHOWN_MS = 6_000;
const MOST = 4;

export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly tone: "" | "ok" | "bad";
}

class Announcer {
  notices = $state.raw<readonly Notice[]>([]);
  #next = 1;

  /** `bad` stays until it is put away. */
  say(text: string, tone: Notice["tone"] = ""): void {
    const notice = { id: this.#next++, text, tone };
    this.notices = [...this.notices.filter((other) => other.text !== text), notice].slice(-MOST);
    if (tone !== "bad") setTimeout(() => this.putAway(notice.id), SHOWN_MS);
  }

  putAway(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }
}

export const announcer = new Announcer();

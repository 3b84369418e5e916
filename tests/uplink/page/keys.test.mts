import assert from "node:assert/strict";
import { test } from "node:test";
import { byArea, caption, meant, nameOf, type Binding, type Press } from "../../../uplink/station/ui/src/kit/keys.ts";

function press(key: string, more: Partial<Press> = {}): Press {
  const code = /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : "";
  return { key, code, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, isComposing: false, ...more };
}

function binding(key: string, does: Binding["does"], when?: () => boolean): Binding {
  return { key, does, area: "views", run: () => undefined, ...(when ? { when } : {}) };
}

test("a letter is the same with Caps Lock, another with Shift, and where letters are not Latin its place counts", () => {
  assert.equal(nameOf(press("a")), "a");
  assert.equal(nameOf(press("A")), "a");
  assert.equal(nameOf(press("A", { shiftKey: true })), "Shift+A");
  assert.equal(nameOf(press("ф", { code: "KeyA" })), "a");
  assert.equal(nameOf(press("?", { shiftKey: true, code: "Slash" })), "?");
  assert.equal(nameOf(press("?", { shiftKey: true, code: "Minus" })), "?");
});

test("what is the browser's or the input method's is never ours", () => {
  for (const more of [{ ctrlKey: true }, { altKey: true }, { metaKey: true }, { isComposing: true }]) {
    assert.equal(meant([binding("a", "close")], press("a", more)), null);
  }
});

test("the newest that does something now is meant", () => {
  const page = binding("a", "close");
  const view = binding("a", "cancel", () => wants);
  let wants = true;
  assert.equal(meant([page, view], press("a")), view);
  wants = false;
  assert.equal(meant([page, view], press("a")), page);
  assert.equal(meant([page, view], press("b")), null);
});

test("the sheet has every key under its heading, as it is written on a keyboard", () => {
  const all = [binding("a", "close"), { ...binding("b", "cancel"), area: "settings" as const }, binding("ArrowUp", "cancel")];
  assert.deepEqual([...byArea(all)].map(([area, list]) => [area, list.map(({ key }) => key)]), [
    ["views", ["a", "ArrowUp"]],
    ["settings", ["b"]],
  ]);
  assert.deepEqual(["a", "Shift+A", "ArrowUp", "Enter"].map(caption), ["A", "Shift + A", "↑", "Enter"]);
});

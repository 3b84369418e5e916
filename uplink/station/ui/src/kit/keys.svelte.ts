// The one place where keys are given something to do. A view adds its own while it is there:
//
//   onMount(() => keys.add([{ key: "a", does: "keyAcknowledge", area: "queue", when: () => …, run: acknowledge }]));
//
// None of them works while somebody writes, while a dialog is open, or when the user has switched them off.

import { settings } from "../settings.svelte.ts";
import { meant, type Binding } from "./keys.ts";

const WRITES = "input:not([type='checkbox'], [type='radio'], [type='button']), textarea, select, [contenteditable='true']";

class Keys {
  bindings = $state.raw<readonly Binding[]>([]);

  /** Call what it gives to take them away again. */
  add(more: readonly Binding[]): () => void {
    this.bindings = [...this.bindings, ...more];
    return () => {
      this.bindings = this.bindings.filter((binding) => !more.includes(binding));
    };
  }

  start(): () => void {
    const press = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || !settings.shortcuts || document.querySelector("dialog[open]")) return;
      if (event.target instanceof Element && event.target.closest(WRITES)) return;
      const binding = meant(this.bindings, event);
      if (!binding) return;
      event.preventDefault();
      if (!event.repeat) binding.run();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }
}

export const keys = new Keys();

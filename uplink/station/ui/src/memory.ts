// What the browser remembers for us. A private window forgets, and then everything begins anew.

export type Memory = () => Storage;
/** Until this tab is closed; a reload keeps it. */
export const THIS_TAB: Memory = () => sessionStorage;
export const THIS_BROWSER: Memory = () => localStorage;

export function recall(name: string, memory: Memory = THIS_BROWSER): string | null {
  try {
    return memory().getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string, memory: Memory = THIS_BROWSER): void {
  try {
    memory().setItem(name, value);
  } catch {
    // so be it
  }
}

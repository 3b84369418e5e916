// Tells what is near the part of a list that is in view, so that five hundred cards need not all be drawn.

const MARGIN = "600px 0px";

let watcher: IntersectionObserver | null = null;
const told = new WeakMap<Element, (near: boolean) => void>();

/** A Svelte action. */
export function near(element: Element, tell: (near: boolean) => void): { destroy: () => void } {
  watcher ??= new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) told.get(target)?.(isIntersecting);
    },
    { rootMargin: MARGIN },
  );
  told.set(element, tell);
  watcher.observe(element);
  return { destroy: () => watcher?.unobserve(element) };
}

// Looks at the uppermost dialog, or else at all of the page. The map's own drawing, markers included, may lie
// over itself; a photo's box may lie over the photo. Words of which a scrolling list shows the half are no
// fault, nor are those that end in "…" and stand whole in a title.
(fingers) => {
    const wrong = new Set();
    const roots = [...document.querySelectorAll("dialog[open]")];
    const root = roots.at(-1) ?? document.body;
    const named = (element) => {
        const text = (element.getAttribute("aria-label") ?? element.innerText ?? element.value ?? "").trim();
        return `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}"> ${text.slice(0, 60)}`;
    };
    const say = (what, element, other) =>
        wrong.add(`${what}: ${named(element)}${other ? ` / ${named(other)}` : ""}`);
    const free = ".unseen, .skip:not(:focus), .maplibregl-map, .map, .photo, [data-free]";
    // A table's head on a phone is there to be read out, and is clipped away as .unseen is.
    const unseen = (element) => element.closest("thead") && getComputedStyle(element.closest("thead")).clipPath === "inset(50%)";
    const shown = (element) =>
        element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !element.closest(free) && !unseen(element);
    const all = (selector) => [...root.querySelectorAll(selector)].filter(shown);
    const scroller = (element) => {
        for (let one = element.parentElement; one && one !== document.documentElement; one = one.parentElement) {
            const { overflowY, overflowX } = getComputedStyle(one);
            if (/auto|scroll/.test(overflowY + overflowX)) return one;
        }
        return null;
    };
    /** What of the element's rectangle its scrolling ancestors and the window let through. */
    const seen = (around, rect) => {
        let { left, top, right, bottom } = rect;
        for (let one = around; one; one = one.parentElement) {
            const { overflowX, overflowY } = getComputedStyle(one);
            const box = one.getBoundingClientRect();
            if (overflowX !== "visible") [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
            if (overflowY !== "visible") [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
        }
        [left, right] = [Math.max(left, 0), Math.min(right, innerWidth)];
        [top, bottom] = [Math.max(top, 0), Math.min(bottom, innerHeight)];
        return { left, top, right, bottom, width: right - left, height: bottom - top };
    };
    const sideways = (element) => {
        for (let one = element.parentElement; one; one = one.parentElement) {
            if (/auto|scroll/.test(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth + 1) return true;
        }
        return false;
    };

    if (document.documentElement.scrollWidth > innerWidth + 1) wrong.add("the page scrolls sideways");

    for (const element of all("*")) {
        const { left, right, width } = element.getBoundingClientRect();
        if (width > 0 && (left < -1 || right > innerWidth + 1) && !sideways(element)) say("off the window", element);
        const style = getComputedStyle(element);
        const clamped = style.webkitLineClamp !== "none"; // it ends in "…", and opens where it stands
        const whole = clamped || (style.textOverflow === "ellipsis" && element.closest("[title]"));
        if (/hidden|clip/.test(style.overflowX) && element.scrollWidth > element.clientWidth + 1 && !whole)
            say("cut at its side", element);
        if (/hidden|clip/.test(style.overflowY) && element.scrollHeight > element.clientHeight + 2 && !whole)
            say("cut below", element);
    }

    const CONTROLS = "button, a[href], input, select, textarea, summary, [role='button'], [role='tab'], [role='switch'], [role='menuitem']";
    const hit = (element, x, y) => {
        const there = document.elementFromPoint(x, y);
        return there && (element.contains(there) || there.contains(element) && there.matches("label")
            || there.closest("label")?.control === element);
    };
    for (const element of all(CONTROLS)) {
        const label = element.closest("label");
        const box = element.getBoundingClientRect();
        const part = seen(element.parentElement, box);
        if (part.width < 2 || part.height < 2) {
            if (!scroller(element)) say("out of sight", element);
            continue;
        }
        const x = (part.left + part.right) / 2, y = (part.top + part.bottom) / 2;
        if (!hit(element, x, y)) {
            say("covered", element, document.elementFromPoint(x, y) ?? undefined);
            continue;
        }
        // In the middle of a sentence a link is as high as its line.
        if (element.matches("p a[href], li a[href], dd a[href]") || part.height < box.height - 1) continue;
        const reach = 21;
        const far = [[-reach, 0], [reach, 0], [0, -reach], [0, reach]];
        const own = (label ?? element).getBoundingClientRect();
        const over = getComputedStyle(element, "::after"); // a card may be one button
        const covers = over.content !== "none" && over.position === "absolute";
        const large = (covers ? parseFloat(over.width) : own.width) >= 43.5
            && (covers ? parseFloat(over.height) : own.height) >= 43.5;
        if (fingers && !large && !far.every(([across, down]) => hit(element, x + across, y + down)))
            say(`smaller than a finger (${Math.round(own.width)} × ${Math.round(own.height)})`, element);
    }

    // Words over words.
    const words = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode, element = node.parentElement;
        if (!node.data.trim() || !shown(element) || element.matches("option, style, script")) continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        for (const rect of range.getClientRects()) {
            const part = seen(element, rect);
            if (part.width > 2 && part.height > 4) words.push({ element, ...part });
        }
    }
    const lifted = (element, other) => {
        for (let one = element; one && !one.contains(other); one = one.parentElement)
            if (/sticky|fixed/.test(getComputedStyle(one).position)) return true;
        return false;
    };
    words.sort((a, b) => a.left - b.left);
    for (const [at, one] of words.entries()) {
        for (let next = at + 1; next < words.length && words[next].left < one.right - 2; next++) {
            const other = words[next];
            if (one.element === other.element) continue;
            const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
            if (down > 4 && !lifted(one.element, other.element) && !lifted(other.element, one.element))
                say("words over words", one.element, other.element);
        }
    }
    return [...wrong];
}

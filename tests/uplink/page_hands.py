"""What a person has to work a page with: a mouse, or nothing but a keyboard. Both can do the same.

@pytest.mark.parametrize("hand", [Mouse, Keyboard])
async def test_an_incident_is_acknowledged(hand: type[Hand], ground: Ground) -> None:
    page = await ground.page("Pia")
    await hand(page).press(page.get_by_role("button", name="Acknowledge"))
"""

from __future__ import annotations

from typing import Protocol

from playwright.async_api import Locator, Page, expect

STOPS_MAX = 250  # of the Tab key: more is no way to work


class Hand(Protocol):
    def __init__(self, page: Page) -> None: ...

    async def press(self, what: Locator) -> None:
        """A button, a link, a row; it waits until that can be pressed."""

    async def hold(self, what: Locator) -> None:
        """A button that wants to be held, until it has taken it."""

    async def write(self, where: Locator, text: str) -> None:
        """Into a field, in place of what is in it."""

    async def choose(self, where: Locator, label: str) -> None:
        """In a ``<select>``."""


class Mouse:
    def __init__(self, page: Page) -> None:
        self._page = page

    async def press(self, what: Locator) -> None:
        await what.click()

    async def hold(self, what: Locator) -> None:
        await expect(what).to_be_enabled()
        await what.evaluate(STANDS)  # a dialog that opens moves its buttons
        await what.hover()
        await self._page.mouse.down()
        await _held(what)
        await self._page.mouse.up()

    async def write(self, where: Locator, text: str) -> None:
        await where.click()
        await where.fill(text)

    async def choose(self, where: Locator, label: str) -> None:
        await where.select_option(label=label)


class Keyboard:
    """Gets everywhere by the Tab key, and sees each time where it is."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def go_to(self, what: Locator) -> None:
        await expect(what).to_be_visible()
        for _ in range(STOPS_MAX):
            if await what.evaluate("(element) => element === document.activeElement"):
                assert await what.evaluate(SHOWS_FOCUS), f"nobody sees that the focus is on {what}"
                return
            await self._page.keyboard.press("Tab")
        raise AssertionError(f"the Tab key does not get to {what}")

    async def press(self, what: Locator) -> None:
        await expect(what).to_be_enabled()
        await self.go_to(what)
        await self._page.keyboard.press("Enter")

    async def hold(self, what: Locator) -> None:
        await expect(what).to_be_enabled()
        await self.go_to(what)
        await self._page.keyboard.down("Space")
        await _held(what)
        await self._page.keyboard.up("Space")

    async def write(self, where: Locator, text: str) -> None:
        await self.go_to(where)
        await self._page.keyboard.press("Control+a")
        await self._page.keyboard.insert_text(text)

    async def choose(self, where: Locator, label: str) -> None:
        await self.go_to(where)
        await self._page.keyboard.type(label)


async def only_keyboard(page: Page) -> Keyboard:
    """From here on a mouse does nothing to this page."""
    await page.evaluate(
        """() => {
            for (const kind of ["pointerdown", "mousedown", "click", "touchstart"]) {
                // A key's click on a button has no place; a mouse's has.
                const stop = (event) => {
                    if (event.detail === 0 && kind === "click") return;
                    event.stopImmediatePropagation();
                    event.preventDefault();
                };
                addEventListener(kind, stop, { capture: true, passive: false });
            }
        }"""
    )
    return Keyboard(page)


# Until it was in one place for three frames.
STANDS = """(element) => new Promise((done) => {
    let before = "", same = 0;
    const look = () => {
        const { x, y, width, height } = element.getBoundingClientRect();
        const now = [x, y, width, height].join();
        same = now === before ? same + 1 : 0;
        before = now;
        same >= 3 ? done() : requestAnimationFrame(look);
    };
    look();
})"""


async def _held(what: Locator) -> None:
    """A button that is held says so itself when it has been held for long enough."""
    button = await what.element_handle()
    assert button is not None
    # What it does may take its dialog away, and it with that.
    await what.page.wait_for_function("(one) => !one.isConnected || one.dataset.held === 'true'", arg=button)


# An outline on the element, on what it draws over itself, or on what stands for it; or a shadow of its own.
SHOWS_FOCUS = """(element) => {
    const outlined = (one, pseudo) => {
        const style = getComputedStyle(one, pseudo);
        return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    };
    const around = [element, element.closest("label"), element.nextElementSibling].filter(Boolean);
    const pseudos = [null, "::before", "::after"];
    return around.some((one) => pseudos.some((pseudo) => outlined(one, pseudo)))
        || getComputedStyle(element).boxShadow !== "none";
}"""

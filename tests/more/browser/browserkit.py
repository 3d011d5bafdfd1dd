"""A real Chromium, driven by Playwright, that tells of whatever a page does wrong."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Response,
    sync_playwright,
)

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
# Tests run as root in containers, and no page leads beyond this machine.
_NOWHERE_ELSE: Final = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
_OPTIONS: Final = ("--no-sandbox", f"--host-resolver-rules={_NOWHERE_ELSE}")
_TOLD_BY_THEIR_STATUS: Final = "Failed to load resource:"
WIDE, NARROW = 1280, 390  # pixels: a desk, and a phone


def chromium() -> str:
    """Where Chromium lies; the test fails where it is missing."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.fail(
            "Chromium is missing: these tests need one (on Debian: apt-get install chromium; "
            "or CHROMIUM=/path/to/it)",
            pytrace=False,
        )
    return found


@contextmanager
def started() -> Iterator[Browser]:
    """A browser, until the block ends. No event loop can run in this thread meanwhile."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visits:
    """Opens pages, each in a context of its own, as browsers of different people are, and keeps
    their `troubles`: errors in the console, and with them what a content security policy stopped;
    scripts that failed; dialogs; requests that failed or were answered 4xx or 5xx.

    Of addresses that begin with one of `strangers` nothing is kept: pages of others.
    """

    browser: Browser
    folder: Path
    strangers: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    _expected: list[tuple[int, str]] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    def open(self, width: int = WIDE, scheme: Any = "light", **options: Any) -> Page:
        """An empty page of a browser that knows nobody yet."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, **options
        )
        self._contexts.append(context)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.troubles.append(f"failed: {error.error}"))
        context.on("dialog", self._on_dialog)
        context.on("requestfailed", self._on_failure)
        context.on("response", self._on_response)
        return context.new_page()

    def expect(self, status: int, address: str = "") -> None:
        """Take answers with this status, of addresses that hold `address`, for right."""
        self._expected.append((status, address))

    def screenshot(self, page: Page, name: str) -> Path:
        """Keep a picture of all of a page among the test's files."""
        path = self.folder / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    def close(self) -> None:
        """Close all."""
        for context in self._contexts:
            context.close()

    def check(self) -> None:
        """The test fails where there was trouble."""
        told = "\n".join(self.troubles)
        assert not self.troubles, f"pages did what they must not:\n{told}"

    def _keep(self, what: str, text: str, address: str = "") -> None:
        if not address.startswith(tuple(self.strangers)):
            self.troubles.append(f"{what}: {text} {address}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_TOLD_BY_THEIR_STATUS):
            self._keep("console", message.text, message.location["url"])

    def _on_dialog(self, dialog: Dialog) -> None:
        self._keep("dialog", dialog.message)
        dialog.dismiss()

    def _on_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left meanwhile
            self._keep("no answer", request.failure or "", request.url)

    def _on_response(self, response: Response) -> None:
        status, address = response.status, response.url
        right = any(status == code and part in address for code, part in self._expected)
        if status >= 400 and not right:
            self._keep("answered", str(status), address)


def is_too_wide(page: Page) -> bool:
    """Whether one has to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))

"""A report opened in Chromium, with what it complained about and asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Visit:
    """A page from disk, with what it complained about and asked for."""

    def __init__(self, chromium: Any, path: Path, **settings: Any) -> None:
        self.context = chromium.new_context(**settings)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        if self.page.locator("#decisions").count():
            self.page.wait_for_function("window.decisionBrowser !== undefined")

    def number(self) -> int:
        """Decisions that pass the filters."""
        return int(self.page.evaluate("decisionBrowser.rows.length"))

    def colour(self, selector: str) -> str:
        return str(
            self.page.evaluate(
                "s => getComputedStyle(document.querySelector(s)).backgroundColor", selector
            )
        )

"""The pictures of the page in docs/images, made from the demo: `python scripts/picture.py`; needs Chromium.

The service of the demo misbehaves under load; once its leak is told, the page is shot as a person sees it first.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIZE = {"width": 1180, "height": 760}
PICTURES = {"now": ("light", "page-now.png"), "memory": ("dark", "page-memory.png")}
LEAK_S = 60.0


def main() -> int:
    """Make all; 1 where there is no browser."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("picture: no Chromium here; apt install chromium", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tocsin", "demo", "--for", "2min"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:  # noqa: S603 - ours
        try:
            _shoot(_address(demo), browser)
        finally:
            demo.terminate()
    return 0


def _address(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None
    for line in demo.stdout:
        found = re.search(r"http://\S+/\?token=\S+", line)
        if found:
            return found[0]
    raise SystemExit("picture: the demo told no address of a page")


def _shoot(address: str, browser: str) -> None:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for view, (scheme, name) in PICTURES.items():
            page = chromium.new_context(viewport=SIZE, color_scheme=scheme).new_page()  # type: ignore[arg-type]
            page.goto(address)
            page.get_by_role("link", name="memory-leak").first.wait_for(timeout=LEAK_S * 1000)
            page.goto(f"{address.partition('/?')[0]}/#/{view}")
            page.locator("main h1").first.wait_for(state="attached")
            page.wait_for_timeout(5000)  # the charts have something to show
            page.screenshot(path=IMAGES / name)
        chromium.close()


if __name__ == "__main__":
    sys.exit(main())

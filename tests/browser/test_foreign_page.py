"""A page of another origin in the same browser: its link leads to the page, and nothing else that it tries does."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.browser.conftest import House, Visit

    Opened = Callable[..., Visit]

ATTACK = """
async () => {
  const tried = [];
  const order = {method: "POST", credentials: "include", body: JSON.stringify({matchers: ["rule=x"], for_s: 60})};
  for (const [path, how] of [["api/v1/alerts", {}], ["healthz/live", {}], ["api/v1/silences", order],
      ["api/v1/silences", {...order, mode: "no-cors"}], ["api/v1/alerts", {mode: "no-cors", credentials: "include"}]]) {
    try {
      const reply = await fetch(window.target + path, how);
      tried.push(reply.type === "opaque" ? "opaque" : `read ${reply.status}`);
    } catch { tried.push("refused"); }
  }
  const told = await new Promise((done) => {
    const source = new EventSource(window.target + "api/v1/stream", {withCredentials: true});
    source.onopen = () => done("heard");
    source.onerror = () => done("refused");
  });
  const shown = await new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.onload = () => { try { done(frame.contentDocument ? "empty" : "hidden"); } catch { done("hidden"); } };
    frame.src = window.target;
    document.body.append(frame);
  });
  return [...tried, told, shown];
}
"""


@contextmanager
def foreign(url: str) -> Iterator[str]:
    """A page of somebody else, at another name of this machine, with a link to ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = url.partition("?")[0]
            body = f'<script>target = "{base}"</script><a href="{url}">the page</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_the_link_on_a_foreign_page_leads_to_the_first_view_at_once(house: House, visit: Opened) -> None:
    with foreign(house.server.url) as address:
        found = visit(address)
        found.expected.append("asked http://127.0.0.1")  # it is meant to leave that origin
        found.expected.append("favicon")
        found.page.get_by_role("link", name="the page").click()
        found.page.get_by_text("live", exact=True).wait_for()
        assert "token" not in found.page.url


def test_nothing_that_a_foreign_page_tries_tells_it_anything_or_changes_anything(house: House, visit: Opened) -> None:
    with foreign(house.server.url) as address:
        found = visit(house.server.url)
        found.expected.append(".")  # a browser complains of each attempt
        found.page.get_by_text("live", exact=True).wait_for()
        for name in (address, address.replace("localhost", "127.0.0.1")):  # another site, and another port of ours
            found.page.goto(name)
            assert found.page.evaluate(ATTACK) == ["refused"] * 6 + ["hidden"]
    assert house.system.silences() == []

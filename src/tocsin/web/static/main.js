// The frame of the page: what is looked at, and for which time.

import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { look, pan } from "./charts.js";
import { keep, kept, loadReadings, openAlerts, RANGES, start, state, touch, useStore } from "./state.js";
import { Now } from "./views/now.js";
import { clock } from "./words.js";

const VIEWS = [["now", "Now"], ["history", "History"], ["memory", "Memory"], ["runtime", "Runtime"], ["rules", "Rules and channels"]];
// What is not looked at first comes when it is, or when there is time.
const LATER = {
  alerts: () => import("./views/alert.js").then((found) => found.Alert),
  history: () => import("./views/history.js").then((found) => found.History),
  memory: () => import("./views/memory.js").then((found) => found.Memory),
  runtime: () => import("./views/runtime.js").then((found) => found.Runtime),
  rules: () => import("./views/rules.js").then((found) => found.Rules),
};
const here = { now: Now };
const bring = (view) =>
  here[view] || LATER[view]()
    .then((found) => touch({ error: "", brought: (here[view] = found) }))
    .catch(() => touch({ error: "The program does not answer. Has it ended?" }));
const CHARTED = new Set(["now", "memory", "runtime"]);

function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = (path || "now").split("/");
  return { view, rest: rest.map(decodeURIComponent), query: new URLSearchParams(query || "") };
}

function useTheme() {
  const [theme, setTheme] = useState(kept("theme"));
  const [dark, setDark] = useState(matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setDark(media.matches);
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, []);
  const shown = theme || (dark ? "dark" : "light");
  document.documentElement.dataset.theme = shown;
  const turn = () => {
    const next = shown === "dark" ? "light" : "dark";
    keep("theme", next);
    setTheme(next);
  };
  return [shown, turn];
}

function Range() {
  const store = useStore();
  const choose = (seconds) => {
    look(null);
    loadReadings(seconds);
  };
  return html`<div class="range" role="group" aria-label="Time range">
    ${store.window
      ? html`<button type="button" class="quiet" onClick=${() => pan(-0.5)} aria-label="Earlier">◀</button>
          <button type="button" class="quiet" onClick=${() => pan(0.5)} aria-label="Later">▶</button>
          <button type="button" class="quiet" onClick=${() => look(null)}>Back to now</button>`
      : RANGES.map(([seconds, words]) => html`<button type="button" class="quiet" aria-pressed=${store.rangeS === seconds}
          onClick=${() => choose(seconds)}>${words}</button>`)}
  </div>`;
}

// Said first of all, where this is not the program itself.
function Left({ left, program }) {
  return html`<p class="problem" role="status"><b>${program} ${left.runs ? "runs without a page" : "does not run"}.</b>
    ${!left.runs && `At ${clock(left.at)} it ${left.how}. `}This is what it has written; it can be looked at only.</p>`;
}

function App() {
  const store = useStore();
  const [at, setAt] = useState(place());
  const [theme, turnTheme] = useTheme();
  useEffect(() => {
    const moved = () => {
      setAt(place());
      document.querySelector("main")?.focus({ preventScroll: true });
      scrollTo(0, 0);
    };
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  const open = openAlerts();
  const worst = open[0]?.severity || "";
  const name = store.session?.program || "";
  useEffect(() => {
    document.title = `${open.length ? `(${open.length}) ` : ""}${name ? `${name} · ` : ""}Tocsin`;
  }, [open.length, name]);
  const isAlert = at.view === "alerts";
  const view = at.view in LATER ? at.view : "now";
  const View = here[view];
  useEffect(() => {
    if (!View) bring(view);
  }, [view]);
  useEffect(() => {
    if (store.session) setTimeout(() => Object.keys(LATER).forEach(bring), 1000);
  }, [!store.session]);
  return html`
    <a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.querySelector("main").focus(); }}>To the content</a>
    <header>
      <div class="brand"><img src="static/icon.svg" width="22" height="22" alt="" /> <b>Tocsin</b> <span class="program">${name}</span></div>
      <nav aria-label="Views">
        ${VIEWS.map(([view, words]) => html`<a href=${`#/${view}`} aria-current=${(isAlert ? "now" : at.view) === view ? "page" : null}>
          ${words}${view === "now" && open.length ? html` <span class=${`count ${worst}`}>${open.length}<span class="hidden"> alerts</span></span>` : null}</a>`)}
      </nav>
      <div class="tools">
        ${CHARTED.has(at.view) && html`<${Range} />`}
        <span class=${`link ${store.link}`} title="The stream of changes">${{ live: store.session?.left ? "as it was left" : "live", lost: "connection lost", begins: "…" }[store.link]}</span>
        ${store.session?.may === "read" && html`<span class="soft">looking only</span>`}
        <button type="button" class="quiet" onClick=${turnTheme} aria-label=${theme === "dark" ? "Light colours" : "Dark colours"}>${theme === "dark" ? "☀" : "☾"}</button>
      </div>
    </header>
    <p class="hidden" aria-live="assertive">${store.said}</p>
    ${store.session?.left && html`<${Left} left=${store.session.left} program=${name} />`}
    ${store.error && html`<p class="problem" role="alert">${store.error}</p>`}
    <main id="main" tabindex="-1">
      ${store.session && View ? html`<${View} key=${isAlert && at.rest[0]} id=${at.rest[0]} theme=${theme} query=${at.query} />`
        : html`<p class="empty">Asking the program…</p>`}
    </main>`;
}

// With the first answers, which are on their way already, all is drawn at once; and without them soon.
await Promise.race([start(), new Promise((done) => setTimeout(done, 400))]);
render(html`<${App} />`, document.getElementById("app"));
// For whoever looks into it from the console, and for the tests.
window.tocsin = { state, touch };

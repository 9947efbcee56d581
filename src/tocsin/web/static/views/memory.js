// Who holds memory, what leaks, and which line to look at.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { get } from "../api.js";
import { Chart, Legend } from "../charts.js";
import { flame, shareOf } from "../flame.js";
import { Empty, Problem, Table } from "../parts.js";
import { presentS, state, useAnswer, useEvery, useStore } from "../state.js";
import { bytes, duration, many } from "../words.js";
import { Panel, panelData } from "./now.js";

// Bytes by line that holds them, of two moments; the greatest difference first.
function difference(before, after) {
  const lines = new Map();
  const add = (heap, sign) => {
    for (const stack of heap.stacks) {
      const [file, line, name] = heap.frames[stack.frames[0]] || ["?", 0, "?"];
      const key = `${file}:${line} in ${name}`;
      const found = lines.get(key) || { key, before: 0, after: 0 };
      found[sign] += stack.bytes;
      lines.set(key, found);
    }
  };
  add(before, "before");
  add(after, "after");
  return [...lines.values()].sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before));
}

// -- the view

const ORDER = { confirmed: 0, suspected: 1, watch: 2, bounded: 3, resolved: 4 };
const WORDS = { confirmed: "leaks", suspected: "suspected", watch: "watched", bounded: "bounded", resolved: "over" };

const rate = (site) => {
  if (site.rate_mb_per_hour === null) return "not known";
  const one = (found) => `${Number(found.toPrecision(3))}`;
  const between = site.rate_low !== null && site.rate_high !== null ? ` (${one(site.rate_low)} to ${one(site.rate_high)})` : "";
  return `${one(site.rate_mb_per_hour)} MB/h${between}`;
};
const short = (file) => file.split("/").slice(-2).join("/");

function Leaks({ leaks }) {
  const sites = [...leaks.sites].sort((a, b) => (ORDER[a.state] ?? 9) - (ORDER[b.state] ?? 9) || (b.rate_mb_per_hour ?? 0) - (a.rate_mb_per_hour ?? 0));
  if (!sites.length) return html`<${Empty}>Nothing grows. Watched for ${duration(leaks.observed_s)}, ${many(leaks.snapshots, "look")}.</${Empty}>`;
  return html`<${Table} label="Lines that grow, the leaks first" heads=${["Verdict", "Line", "Rate (95 %)", "#Holds", "Component"]}>
    ${sites.slice(0, 40).map((site) => html`<tr key=${`${site.file}:${site.line}`}>
      <td><span class=${`verdict ${site.state}`}>${WORDS[site.state] || site.state}</span></td>
      <td><details open=${site.state === "confirmed"}><summary class="mono"><b>${short(site.file)}:${site.line}</b> in ${site.function}</summary>
        ${site.retained_by?.length > 0 && html`<p>Held by, from the object to what keeps it</p><ol class="chain mono">${site.retained_by.map((one) => html`<li>${one}</li>`)}</ol>`}
        ${site.stack?.length > 0 && html`<p>Allocated by</p><pre tabindex="0">${site.stack.map((frame) => (typeof frame === "string" ? short(frame) : `${short(frame.file)}:${frame.line} in ${frame.function}`)).join("\n")}</pre>`}
        <p class="soft">${many(site.samples, "sample")}, survivors are ${site.survivor_age_s === null ? "of unknown age" : `${duration(site.survivor_age_s)} old`}${site.seconds_to_limit ? `; the limit is reached in ${duration(site.seconds_to_limit)}` : ""}</p>
      </details></td>
      <td>${rate(site)}</td><td class="number">${bytes(site.live_bytes)}</td><td>${site.component}</td></tr>`)}</${Table}>`;
}

// What lives, by line, over the time in which it was allocated: a leak goes on rising, a cache that is full is flat.
function Survivors({ again, theme }) {
  const { data } = useAnswer("survivors", {}, [again]);
  const asked = useRef(0);
  if (data && asked.data !== data) Object.assign(asked, { data, at: presentS() });
  if (!data?.lines.length) return null;
  const times = data.ago_s.map((ago) => asked.at - ago);
  const lines = data.lines.map((line) => ({ name: short(line.name), times, values: line.values }));
  const text = "Bytes that live now, by the time at which they were allocated. A leak goes on rising; a cache that is full is flat.";
  return html`<section class="panel"><h3>What lives, by line</h3><p class="soft">${text}</p>
    <${Chart} lines=${lines} unit="By" theme=${theme} span=${{ since: times[0], until: asked.at }} label=${`What lives, by line. ${text}`} />
    <${Legend} lines=${lines} unit="By" /></section>`;
}

function Flame({ heap, theme }) {
  const graph = useRef(null);
  const picture = useRef(null);
  const [told, setTold] = useState("");
  const [found, setFound] = useState("");
  const [zoomed, setZoomed] = useState(false);
  useEffect(() => {
    if (!graph.current) return undefined;
    const element = graph.current.appendChild(document.createElement("div"));
    element.className = "graph";
    element.setAttribute("role", "tree");
    element.setAttribute("aria-label", "Flame graph of live memory, outermost call on top");
    const frames = heap.frames.map(([file, line, name]) => [short(file), line, name, /\/(lib\/python|site-packages)|^<|^\/usr\//.test(file)]);
    const moved = (top) => setZoomed(!!top.parent);
    const made = flame(element, { frames, stacks: heap.stacks }, { page: document, amount: bytes, told: setTold, moved });
    picture.current = made;
    let wide = element.clientWidth;
    const width = new ResizeObserver(() => wide !== element.clientWidth && made.draw((wide = element.clientWidth)));
    width.observe(graph.current);
    return () => {
      width.disconnect();
      element.remove();
    };
  }, [heap]);
  const search = (word) => {
    const sum = picture.current.search(word);
    setFound(sum === null ? "" : `${bytes(sum)}, ${shareOf(sum, picture.current.root.bytes)}`);
  };
  const keys = (event) => event.key === "Escape" && picture.current.out();
  if (!heap.stacks.length) return html`<${Empty}>No block is sampled yet (${heap.tier}). ${heap.remarks.join(" ")}</${Empty}>`;
  return html`
    <div class="row"><label class="inline">Search <input type="search" onInput=${(e) => search(e.target.value)} placeholder="function or file" /></label>
      <b aria-live="polite">${found}</b>
      ${zoomed && html`<button type="button" class="quiet" onClick=${() => picture.current.whole()}>Show all</button>`}
      <span class="soft">${many(heap.stacks.length, "stack")}, ${bytes(heap.live_bytes)} alive; click or Enter zooms, Escape goes back, arrow keys move</span></div>
    <div class="flame" ref=${graph} onKeyDown=${keys}></div>
    <p class="soft told mono">${told || " "}</p>`;
}

// The heap as https://www.speedscope.app reads it, as a file; nothing is sent anywhere.
function save(heap) {
  const profile = {
    $schema: "https://www.speedscope.app/file-format-schema.json",
    name: `Heap of ${state.session.program}`,
    exporter: `tocsin ${state.session.version}`,
    shared: { frames: heap.frames.map(([file, line, name]) => ({ name, file, line })) },
    profiles: [{
      type: "sampled", name: "live bytes", unit: "bytes", startValue: 0, endValue: heap.stacks.reduce((sum, stack) => sum + stack.bytes, 0),
      samples: heap.stacks.map((stack) => [...stack.frames].reverse()), weights: heap.stacks.map((stack) => stack.bytes),
    }],
  };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(profile)], { type: "application/json" }));
  link.download = `${state.session.program}-heap.speedscope.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function Difference({ before, heap }) {
  const rows = difference(before.heap, heap).filter((row) => Math.abs(row.after - row.before) >= 1).slice(0, 20);
  if (!rows.length) return html`<${Empty}>Nothing differs.</${Empty}>`;
  return html`<p class="soft">What changed in ${duration(heap.at_s - before.heap.at_s)}, by the line that holds it</p>
    <${Table} label="What changed" heads=${["Line", "#Before", "#Now", "#Difference"]}>${rows.map((row) => html`<tr><td class="mono">${short(row.key)}</td><td class="number">${bytes(row.before)}</td><td class="number">${bytes(row.after)}</td>
      <td class=${`number ${row.after > row.before ? "more" : "less"}`}>${row.after > row.before ? "+" : "−"}${bytes(Math.abs(row.after - row.before))}</td></tr>`)}</${Table}>`;
}

let moment = null; // the heap that was remembered; it outlives a change of views

export function Memory({ theme }) {
  useStore();
  const leaks = useAnswer("leaks", {});
  const [heap, setHeap] = useState(null);
  const [error, setError] = useState("");
  const [before, setBefore] = useState(moment);
  const [looks, setLooks] = useState(0);
  const ask = () => get("heap").then((found) => { setHeap(found); setError(""); return found; }).catch((problem) => setError(problem.message));
  useEffect(() => void ask(), []);
  useEvery(5, leaks.again);
  useEvery(30, () => setLooks((count) => count + 1));
  const remember = async () => {
    const found = await ask();
    if (found) {
      moment = { heap: found };
      setBefore(moment);
    }
  };
  const report = leaks.data?.report;
  const panels = state.panels.filter((panel) => panel.metrics.some((metric) => ["process.memory.usage", "tocsin.memory.component.live"].includes(metric)))
    .map((panel) => ({ panel, data: panelData(panel.metrics) })).filter(({ data }) => data.lines.length);
  return html`
    <h1>Memory</h1>
    <${Problem} text=${leaks.error || error} />
    ${report && html`<dl class="facts">
      <div><dt>Resident</dt><dd>${report.rss_mb === null ? "not known" : bytes(report.rss_mb * 1e6)}</dd></div>
      <div><dt>Growth</dt><dd>${report.growth_rate_mb_per_s === null ? "not known" : `${Number(report.growth_rate_mb_per_s.toPrecision(3))} MB/s`}</dd></div>
      <div><dt>Efficiency</dt><dd>${report.efficiency_score === null ? "not known" : report.efficiency_score.toFixed(2)}</dd></div>
      <div><dt>Seen by</dt><dd>${leaks.data.tier}</dd></div>
      <div><dt>Watched for</dt><dd>${duration(leaks.data.observed_s)}</dd></div>
    </dl>`}
    <section><h2>Lines that grow</h2>${leaks.data ? html`<${Leaks} leaks=${leaks.data} />` : html`<${Empty}>Asking…</${Empty}>`}
      ${leaks.data?.remarks.map((text) => html`<p class="soft">${text}</p>`)}</section>
    <div class="panels">${panels.map(({ panel, data }) => html`<${Panel} key=${panel.title} panel=${panel} data=${data} theme=${theme} />`)}
      <${Survivors} again=${looks} theme=${theme} /></div>
    <section><div class="row"><h2>Live memory</h2>
      <button type="button" class="quiet" onClick=${ask}>Look again</button>
      <button type="button" class="quiet" onClick=${remember}>Remember this moment</button>
      ${heap?.stacks.length > 0 && html`<button type="button" class="quiet" onClick=${() => save(heap)}>Save for speedscope</button>`}</div>
      ${before && heap && before.heap !== heap && html`<${Difference} before=${before} heap=${heap} />`}
      ${before && heap && before.heap === heap && html`<${Empty}>Remembered. “Look again” shows what changed since then.</${Empty}>`}
      ${heap ? html`<${Flame} heap=${heap} theme=${theme} />` : html`<${Empty}>Asking…</${Empty}>`}
    </section>`;
}

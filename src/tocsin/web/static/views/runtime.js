// What the interpreter does: threads and their stacks, event loops, garbage collection, and what Tocsin costs.

import { html, useState } from "../vendor/preact-htm.js";
import { Bars, Empty, Problem, Table } from "../parts.js";
import { state, useAnswer, useEvery, useStore } from "../state.js";
import { duration, many, value } from "../words.js";
import { Panel, panelData } from "./now.js";

const EDGES = [0.001, 0.005, 0.02, 0.1, 0.4, 1, Infinity];
const SHOWN = new Set(["tocsin.eventloop.lag", "tocsin.gc.pause", "tocsin.gil.wait", "tocsin.buffer.utilization", "tocsin.self.cpu", "process.thread.count"]);

function Lags() {
  const loops = [...state.series.values()].filter((one) => one.metric === "tocsin.eventloop.lag");
  if (!loops.length) return html`<${Empty}>No asyncio event loop runs in this program.</${Empty}>`;
  return html`<div class="panels">${loops.map((one) => {
    const counts = EDGES.map((edge, place) => one.values.filter((lag) => lag < edge && lag >= (EDGES[place - 1] ?? 0)).length);
    const most = Math.max(...counts, 1);
    const worst = Math.max(...one.high, 0);
    const grade = (edge) => (edge > 0.4 ? "critical" : edge > 0.02 ? "warning" : "");
    return html`<section class="panel" key=${one.labels.loop}><h3>Loop ${one.labels.loop} <b>worst ${duration(worst)}</b></h3>
      <p class="soft">How late it answered, in ${many(one.values.length, "reading")} of this range.</p>
      <${Bars} label="Answers by how late they were" rows=${EDGES.map((edge, place) =>
        [edge === Infinity ? `${duration(1)} or more` : `under ${duration(edge)}`, counts[place] / most, grade(edge), counts[place]])} />
    </section>`;
  })}</div>`;
}

function Threads({ data }) {
  const [all, setAll] = useState(false);
  const shown = data.threads.filter((thread) => all || !thread.own);
  return html`
    <label class="inline"><input type="checkbox" checked=${all} onChange=${(e) => setAll(e.target.checked)} /> those of Tocsin too</label>
    <ul class="plain threads">${shown.map((thread) => html`<li key=${thread.ident}><details open=${!thread.waits && !thread.own}>
      <summary><b>${thread.name}</b> <span class=${thread.waits ? "soft" : "busy"}>${thread.waits ? "waits" : "runs"}</span>
        ${thread.cpu !== null && html` <span>${value(thread.cpu, "1")} of a core</span>`}
${" "}<span class="soft">${[thread.daemon && "daemon", thread.registered && "registered", `id ${thread.native_id}`].filter(Boolean).join(", ")}</span>${" "}<span class="soft mono first">${thread.stack[0] || ""}</span></summary>
      <pre tabindex="0">${thread.stack.join("\n") || "no Python frame"}</pre></details></li>`)}</ul>
    ${data.left_out > 0 && html`<p class="soft">and ${many(data.left_out, "thread")} more</p>`}`;
}

// What Tocsin takes of the program for itself, and which of its sensors takes most.
function Cost() {
  const { data, again } = useAnswer("status", {});
  useEvery(10, again);
  const cost = data?.rooms?.cost;
  if (!cost) return null;
  const counted = Object.entries(data.counters || {}).filter(([, count]) => count > 0);
  return html`<section class="panel"><h3>The dearest sensors</h3>
    <p class="soft">Of one core, each; with all of it Tocsin keeps within ${value(cost.budget, "1")}, by looking less often.</p>
    <${Bars} label="The dearest sensors" rows=${cost.dearest.map((one) => [one.sensor, one.cpu / cost.budget, "", value(one.cpu, "1")])} />
    <p class="soft">${counted.length ? `Counted so far: ${counted.map(([name, count]) => `${name.replaceAll("_", " ")} ${count.toLocaleString("en")}`).join(", ")}` : "Nothing was dropped, and nothing failed."}</p></section>`;
}

function Buffers() {
  const found = [...state.series.values()].filter((one) => one.metric === "tocsin.buffer.utilization");
  if (!found.length) return html`<${Empty}>No buffer is tracked. Name one: <code>system.buffers.track("orders", queue, 1000)</code>.</${Empty}>`;
  return html`<div class="panel"><${Bars} label="Buffers by how full they are" rows=${found.map((one) => {
    const fill = one.latest ?? one.values.at(-1);
    return [one.labels.buffer, fill, fill > 0.95 ? "critical" : fill > 0.8 ? "warning" : "", value(fill, "1"), `at most ${value(Math.max(...one.high), "1")} in this range`];
  })} /></div>`;
}

export function Runtime({ theme }) {
  useStore();
  const { data, error, again, asked } = useAnswer("threads", {});
  const [live, setLive] = useState(true);
  useEvery(2, () => live && again(), [live]);
  const panels = state.panels.filter((panel) => panel.metrics.some((metric) => SHOWN.has(metric)))
    .map((panel) => ({ panel, data: panelData(panel.metrics) })).filter((one) => one.data.lines.length);
  return html`
    <h1>Runtime</h1>
    <${Problem} text=${error} />
    <section><div class="row"><h2>Threads</h2>
      <label class="inline"><input type="checkbox" checked=${live} onChange=${(e) => setLive(e.target.checked)} /> look every 2 s</label>
      <button type="button" class="quiet" onClick=${again}>Look now</button>
      ${asked > 0 && html`<span class="soft">as of ${new Date(asked).toLocaleTimeString([], { hour12: false })}</span>`}</div>
      ${data ? html`<${Threads} data=${data} />` : html`<${Empty}>Asking…</${Empty}>`}</section>
    <section><h2>Event loops</h2><${Lags} /></section>
    <section><h2>Buffers</h2><${Buffers} /></section>
    <section><h2>Long garbage collections</h2>
      ${data && !data.pauses.length && html`<${Empty}>None of 10 ms or more in the last ten minutes.</${Empty}>`}
      ${data?.pauses.length > 0 && html`<${Table} label="Long garbage collections" heads=${["#Took", "When", "Generation", "#Freed", "Where"]}>
        ${data.pauses.map((pause) => html`<tr><td class="number">${duration(pause.took_s)}</td><td>${duration(pause.ago_s)} ago</td><td>${pause.generation}</td>
          <td class="number">${pause.freed.toLocaleString("en")}</td><td class="mono">${pause.where}</td></tr>`)}</${Table}>`}</section>
    <h2>Over time</h2>
    <div class="panels">${panels.map(({ panel, data: found }) => html`<${Panel} key=${panel.title} panel=${panel} data=${found} theme=${theme} />`)}<${Cost} /></div>`;
}

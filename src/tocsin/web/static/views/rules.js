// Each rule as it stands, each channel as it does, and the silences.

import { html, useState } from "../vendor/preact-htm.js";
import { encoded, get, post, remove } from "../api.js";
import { Bar, Dialog, Empty, mayAct, Problem, Severity, Table, useOrders } from "../parts.js";
import { refresh, state, touch, useAnswer, useEvery, useNow, useStore } from "../state.js";
import { age, CONDITIONS, duration, labels, many, value } from "../words.js";

const RANK = { firing: 0, pending: 1, inactive: 2 };

function useAct() {
  const [error, setError] = useState("");
  const act = (send, said) => send().then((answer) => { setError(""); touch({ said }); refresh(); return answer; }).catch((problem) => setError(problem.message));
  return [error, act];
}

const SPANS = [[21600, "6 hours"], [86400, "1 day"], [604800, "7 days"], [2419200, "28 days"]];

function Outcome({ title, found }) {
  return html`<section class="panel"><h3>${title} <b>${many(found.fired, "time")}</b></h3>
    <p class="soft">${found.words}</p>
    <p>${found.fired ? `It fires for ${duration(found.firing_s)} in all, the longest for ${duration(found.longest_s)}.` : "It never fires."}
      ${found.short > 0 && ` ${many(found.short, "breach", "breaches")} too short to count.`} ${found.flaps > 0 && ` ${many(found.flaps, "time")} it comes and goes.`}</p>
  </section>`;
}

// Try a changed rule on the past, by the engine that watches, before living by it.
function Try({ rule, onClose }) {
  const [threshold, setThreshold] = useState(rule.threshold === null ? "" : value(rule.threshold, rule.unit));
  const [forS, setForS] = useState(String(rule.for_s));
  const [since, setSince] = useState(86400);
  const [answer, setAnswer] = useState(null);
  const [busy, setBusy] = useState(false);
  const [error, act] = useAct();
  const asked = { threshold, for_s: Number(forS) };
  const attempt = async (event) => {
    event.preventDefault();
    setBusy(true);
    setAnswer(await act(() => get(`rules/${encoded(rule.name)}/backtest`, { ...asked, since_s: since }), ""));
    setBusy(false);
  };
  const keep = () => act(() => post(`rules/${encoded(rule.name)}/change`, asked), `${rule.name} is changed`).then((done) => done && onClose());
  return html`<${Dialog} title=${`Try ${rule.name}`} onClose=${onClose}>
    <form onSubmit=${attempt}>
      <label>Threshold, with its unit <input value=${threshold} onInput=${(e) => setThreshold(e.target.value)} autofocus /></label>
      <label>For how many seconds <input type="number" min="0" step="any" value=${forS} onInput=${(e) => setForS(e.target.value)} /></label>
      <label>On the last <select value=${since} onChange=${(e) => setSince(Number(e.target.value))}>${SPANS.map(([seconds, words]) => html`<option value=${seconds}>${words}</option>`)}</select></label>
      <${Problem} text=${error} />
      <div aria-live="polite">${answer && html`<${Outcome} title="As it stands" found=${answer.now} /><${Outcome} title="Changed" found=${answer.changed} />
        ${answer.remarks.map((text) => html`<p class="soft">${text}</p>`)}`}</div>
      <div class="acts"><button disabled=${busy}>${busy ? "Trying…" : "Try it"}</button>
        ${answer && mayAct() && html`<button type="button" class="quiet" onClick=${keep}>Judge by it until the program ends</button>`}
        <button type="button" class="quiet" onClick=${() => onClose()}>Close</button></div>
    </form>
  </${Dialog}>`;
}

// A rule that learns has a share of the false alarms that were asked for, on each of its series; it is held against how
// often it rang.
function Budget({ rule, rang }) {
  const most = rule.budget * Math.max(rule.series.length, 1);
  return html`<div class="soft"><${Bar} share=${rang / Math.max(most, 1)} grade=${rang > Math.max(most, 1) ? "warning" : ""} />
    ${" "}${value(most, "")} false alarms a week allowed</div>`;
}

function RuleTable({ now }) {
  const [tried, setTried] = useState(null);
  const [word, setWord] = useState("");
  const [error, act] = useAct();
  const times = new Map();
  for (const alert of state.alerts.values()) times.set(alert.rule, (times.get(alert.rule) || 0) + 1);
  const low = word.toLowerCase();
  const shown = state.rules.filter((rule) => !low || `${rule.name} ${rule.metric} ${rule.component}`.toLowerCase().includes(low))
    .sort((a, b) => RANK[a.state] - RANK[b.state] || b.enabled - a.enabled);
  return html`
    <div class="row"><h2>Rules</h2><label class="inline">Search <input type="search" value=${word} onInput=${(e) => setWord(e.target.value)} /></label>
      <span class="soft">${many(state.rules.length, "rule")}, ${state.rules.filter((rule) => rule.state === "firing").length} fire</span></div>
    <${Problem} text=${error} />
    <${Table} label="Rules, those that fire first" heads=${["State", "Rule", "Now", "Rings when", "Rang in 7 days", "Change"]}>${shown.map((rule) => {
        const worst = [...rule.series].sort((a, b) => (RANK[a.state] - RANK[b.state]) || (b.value ?? -Infinity) - (a.value ?? -Infinity))[0];
        return html`<tr key=${rule.name} class=${rule.enabled ? "" : "off"}>
          <td><span class=${`state ${rule.enabled ? rule.state : "off"}`}>${rule.enabled ? { firing: "fires", pending: "pending", inactive: "quiet" }[rule.state] : "off"}</span></td>
          <td><b>${rule.name}</b> <${Severity} of=${rule.severity} /><div class="soft">${rule.metric}${labels(rule.labels) ? ` {${labels(rule.labels)}}` : ""}</div>
            ${rule.why && html`<div class="soft">${rule.why}</div>`}</td>
          <td>${worst ? html`${value(worst.value, rule.unit)}${rule.series.length > 1 ? html`<div class="soft">worst of ${rule.series.length}${labels(worst.labels) ? `: ${labels(worst.labels)}` : ""}</div>` : ""}` : html`<span class="soft">no series</span>`}</td>
          <td>${rule.aggregate !== "last" ? `${rule.aggregate} over ${duration(rule.window_s)} ` : ""}${CONDITIONS[rule.condition] || rule.condition} ${rule.threshold === null ? "" : value(rule.threshold, rule.unit)}${rule.for_s ? ` for ${duration(rule.for_s)}` : ""}</td>
          <td>${times.get(rule.name) ? html`<a href=${`#/history?q=${encoded(rule.name)}`}>${many(times.get(rule.name), "time")}</a>` : "never"}${rule.budget ? html`<${Budget} rule=${rule} rang=${times.get(rule.name) || 0} />` : ""}</td>
          <td class="acts">${mayAct() && html`<button type="button" class="quiet" aria-label=${`${rule.enabled ? "Switch off" : "Switch on"} ${rule.name}`}
            onClick=${() => act(() => post(`rules/${encoded(rule.name)}/switch`, { enabled: !rule.enabled }), `${rule.name} is ${rule.enabled ? "off" : "on"}`)}>${rule.enabled ? "Switch off" : "Switch on"}</button>`}
            ${state.session.journal && html` <button type="button" class="quiet" aria-label=${`Try ${rule.name}`} onClick=${() => setTried(rule)}>Try…</button>`}</td>
        </tr>`;
      })}</${Table}>
    ${tried && html`<${Try} rule=${tried} onClose=${() => setTried(null)} />`}
    <p class="soft">Switching holds until the program ends. To change a rule for good, write it into the configuration.</p>`;
}

function Dead({ act }) {
  const { data, again } = useAnswer("notices", { state: "dead", limit: 50 });
  if (!data?.notices.length) return null;
  return html`<h3>Dead letters: given up, and kept</h3><ul class="plain">${data.notices.map((notice) => html`<li key=${notice.id}>
    <b>${notice.channel}</b>: ${notice.alerts.map((alert) => alert.title).join(", ")} <span class="soft">${notice.error}</span>
    ${mayAct() && html` <button type="button" class="quiet" onClick=${() => act(() => post(`notices/${encoded(notice.id)}/replay`), "It is sent again").then(again)}>Send again</button>`}</li>`)}</ul>`;
}

function Health({ of }) {
  if (of.state && of.state !== "works") return html`<span class="state firing">${of.state}${of.retry_in_s > 0 ? `, tries again in ${duration(of.retry_in_s)}` : ""}</span>`;
  if (of.waiting > 0) return html`<span class="state pending">${of.failed > 0 ? "in trouble" : "busy"}</span>`;
  return html`<span class="state inactive">${of.leaving ? "leaving" : "well"}</span>`;
}

function Channels() {
  const { data, error, again } = useAnswer("channels", {}, [state.alerts.size]);
  useEvery(5, again);
  const [failed, act] = useAct();
  const [outcomes, setOutcomes] = useState({});
  const test = async (name) => {
    setOutcomes((old) => ({ ...old, [name]: "trying…" }));
    const answer = await act(() => post(`channels/${encoded(name)}/test`), `${name} was tried`);
    const one = answer?.channels[0];
    setOutcomes((old) => ({ ...old, [name]: one ? `${one.outcome}${one.took_s === null ? "" : ` in ${duration(one.took_s)}`}${one.why ? `: ${one.why}` : ""}` : "" }));
    again();
  };
  if (!data) return html`<h2>Channels</h2>${error ? html`<${Problem} text=${error} />` : html`<${Empty}>Asking…</${Empty}>`}`;
  return html`<h2>Channels</h2><${Problem} text=${failed} />
    ${!data.channels.length && html`<${Empty}>Nobody is told. Add a channel to the configuration.</${Empty}>`}
    <ul class="plain cards">${data.channels.map((channel) => html`<li class="panel" key=${channel.name}>
      <h3>${channel.name} <${Health} of=${channel} /></h3>
      <dl class="facts small">
        ${[["Delivered", channel.delivered], ["In the queue", channel.waiting], ["Attempts failed", channel.failed], ["Given up", channel.dropped]]
          .map(([name, count]) => html`<div><dt>${name}</dt><dd>${count.toLocaleString("en")}</dd></div>`)}</dl>
      ${channel.last_error && html`<p class="soft">Last error: ${channel.last_error}</p>`}
      <p class="soft">is told of ${channel.severity} and worse${channel.matchers.length ? `, where ${channel.matchers.join(", ")}` : ""}</p>
      ${mayAct() && html`<button type="button" class="quiet" onClick=${() => test(channel.name)}>Send a test</button>`}
      <span aria-live="polite"> ${outcomes[channel.name] || ""}</span></li>`)}</ul>
    ${state.session.journal && html`<${Dead} act=${act} />`}`;
}

function Silences({ now, silence }) {
  const [error, act] = useAct();
  return html`<div class="row"><h2>Silences</h2>${mayAct() && html`<button type="button" class="quiet" onClick=${() => silence(null)}>New silence…</button>`}</div>
    <${Problem} text=${error} />
    ${!state.silences.length && html`<${Empty}>None: whoever is to be told, is told.</${Empty}>`}
    <ul class="plain">${state.silences.map((one) => html`<li key=${one.id}><span class="mono">${one.matchers.join(", ")}</span>
      for ${duration(Math.max(Date.parse(one.ends_at) / 1000 - now, 0))} more <span class="soft">${[one.author && `by ${one.author}`, one.comment, `begun ${age(one.starts_at, now)} ago`].filter(Boolean).join(", ")}</span>
      ${mayAct() && html` <button type="button" class="quiet" onClick=${() => act(() => remove(`silences/${encoded(one.id)}`), "The silence is over")}>End it</button>`}</li>`)}</ul>`;
}

export function Rules() {
  useStore();
  const now = useNow();
  const { dialog, silence } = useOrders();
  return html`<h1>Rules and channels</h1>
    <section><${RuleTable} now=${now} /></section>
    <section><${Silences} now=${now} silence=${silence} /></section>
    <section><${Channels} /></section>
    ${dialog}`;
}

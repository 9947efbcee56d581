// One alert: what, since when, the proof, what to do, and why you were or were not told.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { encoded, get } from "../api.js";
import { Chart, Legend, lineName } from "../charts.js";
import { AlertCard, Empty, Problem, useOrders } from "../parts.js";
import { keyOf, presentS, state, useAnswer, useNow, useStore } from "../state.js";
import { age, clock, duration, labels } from "../words.js";
import { comparable } from "./now.js";

const BEFORE_S = 600;

function Around({ alert, rule, theme }) {
  const [found, setFound] = useState(null);
  const end = alert.resolved_at ? Date.parse(alert.resolved_at) / 1000 : presentS();
  useEffect(() => {
    if (!rule) return;
    const nowS = presentS();
    const since = nowS - Date.parse(alert.started_at) / 1000 + BEFORE_S;
    const until = alert.resolved_at ? Math.max(nowS - end - 120, 0) : 0;
    get("readings", { metric: rule.metric, since_s: Math.max(since, 60), until_s: until, points: 600 })
      .then(setFound)
      .catch(() => setFound({ series: [] }));
  }, [alert.id, alert.updated_at, rule?.name]);
  if (!rule || !found) return null;
  const wanted = Object.entries(alert.labels || {});
  const fits = (one) => wanted.every(([name, text]) => one.labels[name] === undefined || one.labels[name] === text);
  const series = found.series.filter(fits);
  if (!series.length) return html`<${Empty}>Of that time no readings of ${rule.metric} are left.</${Empty}>`;
  const bands = new Map((found.bands || []).map((one) => [keyOf(one.metric, one.labels), one]));
  const lines = series.map((one) => ({ name: lineName(one, false), times: one.times, values: one.values, band: bands.get(keyOf(one.metric, one.labels)) }));
  const thresholds = comparable(rule) ? [{ limit: rule.threshold, severity: rule.severity }] : [];
  // Of a program that is younger no empty time is shown.
  const first = Math.min(...lines.map((line) => line.times[0] ?? Infinity));
  const span = { since: Math.min(Math.max(found.since, first - 5), found.until - 60), until: found.until };
  return html`<section class="panel wide">
    <h2>${rule.metric}</h2>
    <p class="soft">${rule.words}; the coloured span is the time in which it fires</p>
    <${Chart} lines=${lines} unit=${series[0].unit} height=${220} theme=${theme} alerts=${[alert]} span=${span} thresholds=${thresholds}
      label=${`${rule.metric} around the alert; the coloured span is the time in which it fires`} />
    <${Legend} lines=${lines} unit=${series[0].unit} thresholds=${thresholds} />
  </section>`;
}

function Trace({ answer }) {
  const steps = [
    ...answer.trace.map((step) => ({ at: step.at, what: step.what, why: step.why })),
    ...answer.notices.map((notice) => ({ at: notice.created_at, what: "notice", why: `${notice.kind} to ${notice.channel}${notice.reason ? `: ${notice.reason}` : ""}` })),
    ...answer.notices.flatMap((notice) => notice.deliveries.map((one) => ({
      at: one.at, what: one.outcome,
      why: `${notice.channel}${one.outcome === "delivered" ? ` in ${duration(one.took_s)}` : ""}${one.error ? `: ${one.error}` : ""}`,
    }))),
  ].filter((step) => step.at).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return html`<table class="trace"><caption class="hidden">Every decision on its way</caption>
    <thead><tr><th>When</th><th>What</th><th>Why</th></tr></thead>
    <tbody>${steps.map((step) => html`<tr><td class="mono">${clock(step.at)}</td><td>${step.what}</td><td>${step.why}</td></tr>`)}</tbody>
  </table>`;
}

// What we have to say on a default rule: as it stands in the package, since its Markdown is plain to read.
function Runbook({ name }) {
  const { data } = useAnswer(`runbooks/${encoded(name)}`, {});
  return html`<details class="evidence"><summary><b>Runbook</b>: tocsin runbook ${name}</summary><pre tabindex="0">${data?.text}</pre></details>`;
}

export function Alert({ id, theme }) {
  useStore();
  const now = useNow();
  const live = state.alerts.get(id);
  const { data, error } = useAnswer(`alerts/${encoded(id)}`, {}, [live?.updated_at, live?.acknowledged_by]);
  const { dialog, acknowledge, silence } = useOrders();
  if (!data) return html`<h1>Alert</h1>${error ? html`<${Problem} text=${error} />` : html`<${Empty}>Asking…</${Empty}>`}<p><a href="#/now">Back</a></p>`;
  const alert = { ...data.alert, ...(live || {}) };
  const rule = state.rules.find((one) => one.name === alert.rule);
  return html`
    <p><a href="#/now">← Now</a></p>
    <h1>${alert.title}</h1>
    <ul class="alerts"><${AlertCard} alone alert=${alert} now=${now} onAcknowledge=${acknowledge} onSilence=${silence} /></ul>
    <dl class="facts">
      <div><dt>Began</dt><dd>${clock(alert.started_at)} (${age(alert.started_at, now)} ago)</dd></div>
      ${alert.resolved_at && html`<div><dt>Ended</dt><dd>${clock(alert.resolved_at)}</dd></div>`}
      <div><dt>${alert.rule ? "Rule" : "Raised by"}</dt><dd>${alert.rule || alert.source}</dd></div>
      ${labels(alert.labels) && html`<div><dt>Labels</dt><dd>${labels(alert.labels)}</dd></div>`}
      ${data.alert.owner && html`<div><dt>Owner</dt><dd>${data.alert.owner}</dd></div>`}
      ${data.alert.runbook_url && html`<div><dt>Runbook</dt><dd><a href=${safe(data.alert.runbook_url)} rel="noreferrer noopener" target="_blank">${data.alert.runbook_url}</a></dd></div>`}
    </dl>
    <${Around} alert=${alert} rule=${rule} theme=${theme} />
    ${data.alert.evidence.map((proof) => html`<section class="evidence">
      <h2>${proof.title}</h2>
      <pre tabindex="0">${proof.lines.join("\n")}</pre>
    </section>`)}
    ${data.alert.recommendations.length > 0 && html`<section><h2>What to do</h2>
      <ol class="advice">${data.alert.recommendations.map((text) => html`<li>${text}</li>`)}</ol></section>`}
    ${data.runbook && html`<${Runbook} name=${data.runbook} />`}
    <section><h2>Why you were, or were not, told</h2>
      <ul class="verdicts">${data.verdicts.map((text) => html`<li>${text}</li>`)}</ul>
      <${Trace} answer=${data} />
    </section>
    ${dialog}`;
}

// A link that a rule names is followed only where it leads to a page.
const safe = (url) => (/^https?:\/\//i.test(url) ? url : "#/now");

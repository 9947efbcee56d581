// What happened over days: a timeline and a list, filtered alike; the address can be shared.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { encoded, get } from "../api.js";
import { Empty, Problem, Severity, Table } from "../parts.js";
import { state, useAnswer, useNow, useStore } from "../state.js";
import { age, clock, duration, labels, many, moment } from "../words.js";

const DAYS = [[1, "1 day"], [7, "7 days"], [30, "30 days"]];
const MAX_LANES = 12;

const spanOf = (alert, nowS) => [Date.parse(alert.started_at) / 1000, alert.resolved_at ? Date.parse(alert.resolved_at) / 1000 : nowS];

function Timeline({ alerts, days, nowS }) {
  const from = nowS - days * 86400;
  const lanes = new Map();
  for (const alert of alerts) {
    const name = alert.rule || alert.title;
    if (!lanes.has(name)) lanes.set(name, []);
    lanes.get(name).push(alert);
  }
  const rows = [...lanes.entries()].sort((a, b) => b[1].length - a[1].length);
  const shown = rows.slice(0, MAX_LANES);
  const x = (at) => Math.min(Math.max(((at - from) / (nowS - from)) * 1000, 0), 1000);
  const marks = Array.from({ length: days === 1 ? 5 : 8 }, (_, n, count = days === 1 ? 4 : 7) => from + ((nowS - from) * n) / count);
  if (!rows.length) return null;
  return html`<figure class="timeline" aria-label=${`Timeline of ${many(alerts.length, "alert")} over ${days} days`}>
    ${shown.map(([name, mine]) => html`<div class="lane" key=${name}>
      <span class="lane-name" title=${name}>${name}</span>
      <svg viewBox="0 0 1000 18" preserveAspectRatio="none" aria-hidden="true">
        <rect class="lane-back" x="0" y="0" width="1000" height="18" />
        ${mine.map((alert) => {
          const [start, end] = spanOf(alert, nowS);
          const left = Math.min(x(start), 996);
          return html`<a href=${`#/alerts/${encoded(alert.id)}`} tabindex="-1"><rect class=${`bar ${alert.severity}`} x=${left} y="2" width=${Math.max(x(end) - left, 3)} height="14">
            <title>${alert.title}, ${clock(alert.started_at)}, ${duration(end - start)}</title></rect></a>`;
        })}
      </svg>
    </div>`)}
    <div class="lane axis"><span class="lane-name"></span><div class="marks">${marks.map((at) => html`<span>${moment(at, days === 1 ? 60 : 86400)}</span>`)}</div></div>
    ${rows.length > shown.length && html`<p class="soft">and ${rows.length - shown.length} more, below</p>`}
  </figure>`;
}

// One notice; what is more than one alert, as a digest is, opens into its members.
function Notice({ notice, known }) {
  const members = [...notice.alerts, ...notice.digest];
  const what = notice.digest.length ? `${many(notice.digest.reduce((sum, line) => sum + line.count, 0), "occurrence")} held back`
    : members.length === 1 ? members[0].title : many(members.length + notice.alerts_left_out, "alert");
  return html`<li class="panel"><details>
    <summary><span class="mono">${clock(notice.created_at)}</span> <${Severity} of=${notice.severity} /> ${notice.kind} to <b>${notice.channel}</b>,
      ${notice.state} <span class="soft">${what}${notice.reason ? `; ${notice.reason}` : ""}</span></summary>
    <ul class="plain members">${members.map(({ id, title, severity, count, reason }) => {
      const alert = known.get(id);
      return html`<li><${Severity} of=${severity || alert?.severity || notice.severity} /> ${id ? html`<a href=${`#/alerts/${encoded(id)}`}>${title}</a>` : title}
        ${count && html` <b>× ${count.toLocaleString("en")}</b>`}
        <span class="soft"> ${[reason, alert && `${alert.state}, began ${clock(alert.started_at)}: ${alert.message}`].filter(Boolean).join("; ")}</span></li>`;
    })}
      ${notice.alerts_left_out > 0 && html`<li class="soft">and ${notice.alerts_left_out} more</li>`}</ul>
    ${notice.error && html`<${Problem} text=${notice.error} />`}
  </details></li>`;
}

function Notices({ fits, known }) {
  const { data, error } = useAnswer("notices", { limit: 200 }, [state.alerts.size]);
  if (error) return html`<${Empty}>${error}</${Empty}>`;
  if (!data) return null;
  const shown = data.notices.filter((notice) => fits(notice.severity, [notice.kind, notice.channel, notice.state, notice.reason, ...[...notice.alerts, ...notice.digest].map((one) => one.title)]));
  if (!shown.length) return html`<${Empty}>${data.notices.length ? "No notice fits." : "Nobody was told anything yet."}</${Empty}>`;
  return html`<ul class="plain notices">${shown.map((notice) => html`<${Notice} key=${notice.id} notice=${notice} known=${known} />`)}</ul>`;
}

// An option without a value of its own would have that of the first.
const Choice = ({ label, chosen, choose, choices }) => html`<label class="inline">${label} <select value=${chosen} onChange=${(e) => choose(e.target.value)}>
  <option value="">any</option>${choices.map((one) => html`<option value=${one}>${one}</option>`)}</select></label>`;

export function History({ query }) {
  const store = useStore();
  const now = useNow();
  const [days, setDays] = useState(Number(query.get("days")) || 7);
  const [word, setWord] = useState(query.get("q") || "");
  const [severity, setSeverity] = useState(query.get("severity") || "");
  const [open, setOpen] = useState(query.get("state") || "");
  const [found, setFound] = useState({ alerts: null, left_out: 0, error: "" });
  useEffect(() => {
    get("alerts", { since_s: days * 86400 })
      .then((answer) => setFound({ ...answer, error: "" }))
      .catch((problem) => setFound((old) => ({ ...old, error: problem.message })));
  }, [days, store.alerts.size]);
  useEffect(() => {
    const wanted = new URLSearchParams();
    if (days !== 7) wanted.set("days", days);
    if (word) wanted.set("q", word);
    if (severity) wanted.set("severity", severity);
    if (open) wanted.set("state", open);
    const text = wanted.toString();
    history.replaceState(null, "", `#/history${text ? `?${text}` : ""}`);
  }, [days, word, severity, open]);
  const low = word.toLowerCase();
  const all = (found.alerts || []).map((alert) => store.alerts.get(alert.id) || alert);
  const fits = (grade, texts) => (!severity || grade === severity) && (!low || texts.join(" ").toLowerCase().includes(low));
  const shown = all.filter((alert) => (!open || alert.state === open)
    && fits(alert.severity, [alert.title, alert.message, alert.rule, alert.component, alert.source, alert.id, labels(alert.labels)]));
  return html`
    <h1>History</h1>
    <div class="row">
      <div class="range" role="group" aria-label="Days">${DAYS.map(([count, words]) => html`<button type="button" class="quiet" aria-pressed=${days === count} onClick=${() => setDays(count)}>${words}</button>`)}</div>
      <label class="inline">Search <input type="search" value=${word} onInput=${(e) => setWord(e.target.value)} placeholder="title, rule, component" /></label>
      <${Choice} label="Severity" chosen=${severity} choose=${setSeverity} choices=${["critical", "warning", "info"]} />
      <${Choice} label="State" chosen=${open} choose=${setOpen} choices=${["firing", "resolved"]} />
      <span class="soft">The address keeps all of this, to be shared.</span>
    </div>
    <${Problem} text=${found.error} />
    ${found.alerts && !shown.length && html`<${Empty}>No alert ${word || severity || open ? "fits" : `in ${days} days`}.</${Empty}>`}
    <${Timeline} alerts=${shown} days=${days} nowS=${Math.round(now / 10) * 10} />
    ${shown.length > 0 && html`<${Table} label="Alerts, newest first" heads=${["Began", "Severity", "Alert", "Lasted", "State"]}>${shown.slice(0, 200).map((alert) => html`<tr key=${alert.id}>
        <td class="mono">${clock(alert.started_at)}</td>
        <td><${Severity} of=${alert.severity} /></td>
        <td><a href=${`#/alerts/${encoded(alert.id)}`}>${alert.title}</a><div class="soft">${alert.message}</div></td>
        <td>${alert.resolved_at ? duration((Date.parse(alert.resolved_at) - Date.parse(alert.started_at)) / 1000) : age(alert.started_at, now)}</td>
        <td>${alert.state}${alert.count > 1 ? ` × ${alert.count}` : ""}</td></tr>`)}</${Table}>`}
    ${(shown.length > 200 || found.left_out > 0) && html`<p class="soft">${many(shown.length - Math.min(shown.length, 200) + found.left_out, "more alert")} not shown; search for them, or ask <code>tocsin export</code>.</p>`}
    <h2>Notices</h2>
    <p class="soft">What was told to whom; a digest opens into its members.</p>
    ${!state.session.journal ? html`<${Empty}>There is no state_dir, so what was delivered is not written down.</${Empty}>`
      : html`<${Notices} fits=${fits} known=${new Map(all.map((alert) => [alert.id, alert]))} />`}`;
}

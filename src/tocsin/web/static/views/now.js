// What is wrong now, and how the program does: what is out of order comes first.

import { html, useState } from "../vendor/preact-htm.js";
import { Chart, Legend, lineName } from "../charts.js";
import { AlertCard, Empty, useOrders } from "../parts.js";
import { keyOf, openAlerts, state, useNow, useStore } from "../state.js";
import { many, value } from "../words.js";

const GROUPS = [["program", "The program"], ["machine", "The machine"], ["tocsin", "Tocsin itself"]];

export function Filters({ alerts, chosen, onChoose }) {
  const counts = { critical: 0, warning: 0, info: 0 };
  for (const alert of alerts) counts[alert.severity] += 1;
  return html`<div class="filters" role="group" aria-label="Show only">
    ${Object.entries(counts).map(([severity, count]) => html`<button type="button" class=${`chip ${severity}`} disabled=${!count && chosen !== severity}
      aria-pressed=${chosen === severity} onClick=${() => onChoose(chosen === severity ? "" : severity)}>${count} ${severity}</button>`)}
  </div>`;
}

// A sum, a difference or a rate is not on the scale of the metric itself.
export const comparable = (rule) => rule.threshold !== null && !["rate", "delta", "sum"].includes(rule.aggregate);

// The lines of a panel with what was expected of them, its thresholds, and the alerts of its rules.
export function panelData(metrics) {
  const series = [...state.series.values()].filter((one) => metrics.includes(one.metric));
  const several = metrics.length > 1;
  const rules = state.rules.filter((rule) => metrics.includes(rule.metric));
  const names = new Set(rules.map((rule) => rule.name));
  return {
    unit: series[0]?.unit ?? "",
    lines: series.map((one) => ({ name: lineName(one, several), times: one.times, values: one.values, latest: one.latest, band: state.bands.get(keyOf(one.metric, one.labels)) })),
    thresholds: rules
      .filter((rule) => rule.enabled && comparable(rule))
      .map((rule) => ({ limit: rule.threshold, severity: rule.severity, name: rule.name })),
    alerts: [...state.alerts.values()].filter((alert) => names.has(alert.rule)),
    firing: [...state.alerts.values()].some((alert) => names.has(alert.rule) && alert.state === "firing"),
  };
}

function latestOf(lines, unit) {
  const found = lines.map((line) => line.latest ?? line.values[line.values.length - 1]).filter((one) => one !== undefined);
  return found.length === 1 ? value(found[0], unit) : "";
}

export function Panel({ panel, data, theme }) {
  const latest = latestOf(data.lines, data.unit);
  const words = `${panel.title}: ${latest || many(data.lines.length, "line")}. ${panel.text}`;
  return html`<section class=${`panel${data.firing ? " firing" : ""}`}>
    <h3>${panel.title} <b>${latest}</b></h3>
    <p class="soft">${panel.text}</p>
    <${Chart} ...${data} label=${words} theme=${theme} />
    <${Legend} ...${data} />
  </section>`;
}

export function Now({ theme }) {
  const store = useStore();
  const now = useNow();
  const [severity, setSeverity] = useState("");
  const { dialog, acknowledge, silence } = useOrders();
  const open = openAlerts();
  const shown = open.filter((alert) => !severity || alert.severity === severity);
  const panels = store.panels
    .map((panel) => ({ panel, data: panelData(panel.metrics) }))
    .filter(({ data }) => data.lines.length);
  return html`
    <h1 class="hidden">Now</h1>
    <section aria-label="Open alerts">
      <div class="row">
        <h2>${open.length ? `${many(open.length, "alert")} fire${open.length === 1 ? "s" : ""}` : "Nothing fires"}</h2>
        ${open.length > 0 && html`<${Filters} alerts=${open} chosen=${severity} onChoose=${setSeverity} />`}
        ${store.silences.length > 0 && html`<a class="soft" href="#/rules">${many(store.silences.length, "silence")} in force</a>`}
      </div>
      ${open.length === 0 && html`<${Empty}>${many(store.rules.filter((rule) => rule.enabled).length, "rule")} look on. What ended is in <a href="#/history">History</a>.</${Empty}>`}
      <ul class="alerts">
        ${shown.map((alert) => html`<${AlertCard} key=${alert.id} alert=${alert} now=${now} onAcknowledge=${acknowledge} onSilence=${silence} />`)}
      </ul>
    </section>
    ${GROUPS.map(([group, words]) => {
      const mine = panels.filter(({ panel }) => panel.group === group).sort((a, b) => b.data.firing - a.data.firing);
      return mine.length > 0 && html`<section key=${group}>
        <h2>${words}</h2>
        <div class="panels">${mine.map(({ panel, data }) => html`<${Panel} key=${panel.title} panel=${panel} data=${data} theme=${theme} />`)}</div>
      </section>`;
    })}
    <p class="soft">Drag in a chart to look closer at a time, in all of them; double-click, or Escape, goes back.</p>
    ${dialog}`;
}

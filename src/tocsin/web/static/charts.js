// Line charts: every line of a panel, what was expected of it, the thresholds of its rules, and when alerts fired.

import { html, useEffect, useLayoutEffect, useRef } from "./vendor/preact-htm.js";
import { presentS, state, touch } from "./state.js";
import { labels as labelText, moment, value } from "./words.js";

const uPlot = window.uPlot;
// Told apart by people who see colours differently (Okabe and Ito), and by their dashes.
const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6", "--line-7"];
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
const HEIGHT = 150;
const LEAST_S = 60; // of time that is shown, however young the program is
let suit = {};
const colour = (name) => {
  const { theme } = document.documentElement.dataset;
  if (suit.theme !== theme) suit = { theme };
  return (suit[name] ||= getComputedStyle(document.documentElement).getPropertyValue(name).trim());
};
const charts = new Set();

// All lines on one row of times; where a line has no reading at a time there is a gap only if it is long.
export function aligned(lines) {
  if (lines.length === 1) return [lines[0].times, lines[0].values];
  const times = [...new Set(lines.flatMap((line) => line.times))].sort((a, b) => a - b);
  const rows = lines.map((line) => {
    const found = new Map(line.times.map((at, place) => [at, line.values[place]]));
    return times.map((at) => (found.has(at) ? found.get(at) : undefined));
  });
  return [times, ...rows];
}

// The time that is shown: one for all charts, but for those of an alert, which have their own. Of a program that is
// younger than the range no empty time is shown.
const xOf = (span) => {
  if (state.window) return state.window;
  if (span) return { from: span.since, to: span.until };
  const now = presentS();
  return { from: now - Math.min(state.rangeS, Math.max((now - state.oldest) * 1.03, LEAST_S)), to: now };
};

// Move or zoom what all charts show.
export function look(from, to) {
  state.window = from === null ? null : { from, to };
  for (const chart of charts) {
    const { from: min, to: max } = xOf(chart.span);
    if (chart.seen) chart.setScale("x", { min, max });
    else chart.stale = true;
  }
  touch();
}

export function pan(share) {
  const { from, to } = xOf();
  look(from + (to - from) * share, to + (to - from) * share);
}

function options(props, width) {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  return {
    width,
    height: props.height || HEIGHT,
    cursor: { sync: { key: "page", setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    legend: { show: false },
    scales: {
      x: { time: true, range: () => Object.values(xOf(props.span)) },
      y: { range: (_, low, high) => bounds(props, low, high) },
    },
    axes: [
      { ...axis, size: 24, space: 80, values: (_, ticks, __, ___, step) => ticks.map((tick) => moment(tick, step)) },
      { ...axis, size: 60, space: 34, values: (_, ticks) => ticks.map((tick) => value(tick, props.unit)) },
    ],
    series: [
      {},
      ...props.lines.map((line, place) => ({
        label: line.name,
        stroke: colour(COLOURS[place % COLOURS.length]),
        width: 1.6,
        dash: DASHES[Math.floor(place / COLOURS.length) % DASHES.length],
        points: { show: line.times.length < 2 },
        spanGaps: true,
      })),
    ],
    hooks: {
      drawClear: [
        (chart) => {
          drawSpans(chart, props);
          props.lines.forEach((line, place) => line.band && drawBand(chart, line.band, colour(COLOURS[place % COLOURS.length])));
        },
      ],
      draw: [(chart) => drawThresholds(chart, props)],
      setSelect: [
        (chart) => {
          const { left, width: wide } = chart.select;
          if (wide > 8) look(chart.posToVal(left, "x"), chart.posToVal(left + wide, "x"));
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      setCursor: [(chart) => tell(chart, props)],
    },
  };
}

// From zero, and up to a threshold, or what was expected at most, where the line comes near it.
function bounds(props, low, high) {
  const top = high === null || high === undefined ? 0 : high;
  let most = top;
  const limits = [...(props.thresholds || []).map((one) => one.limit), ...props.lines.map((line) => line.band?.high.at(-1))];
  for (const limit of limits) if (limit > 0 && top > limit * 0.4) most = Math.max(most, limit * 1.1);
  const least = Math.min(low ?? 0, 0);
  return [least, most > least ? most + (most - least) * 0.06 : least + 1];
}

function drawSpans(chart, props) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.globalAlpha = 0.14;
  for (const alert of props.alerts || []) {
    const from = Date.parse(alert.started_at) / 1000;
    const to = alert.resolved_at ? Date.parse(alert.resolved_at) / 1000 : presentS();
    const left = Math.max(chart.valToPos(from, "x", true), bbox.left);
    const right = Math.min(chart.valToPos(to, "x", true), bbox.left + bbox.width);
    if (right <= left) continue;
    ctx.fillStyle = colour(`--${alert.severity}`);
    ctx.fillRect(left, bbox.top, Math.max(right - left, 2), bbox.height);
  }
  ctx.restore();
}

// Between the bounds within which a single reading is ordinary; the last known ones hold until now.
function drawBand(chart, band, ink) {
  const { ctx, bbox } = chart;
  const right = bbox.left + bbox.width;
  const xs = band.times.map((at) => Math.min(chart.valToPos(at, "x", true), right));
  const edge = (bounds_, beyond) => bounds_.map((bound, at) => [xs[at], bound === null ? beyond : chart.valToPos(bound, "y", true)]);
  const way = (points) => [...points, [right, points[points.length - 1][1]]];
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.beginPath();
  for (const [x, y] of [...way(edge(band.high, bbox.top)), ...way(edge(band.low, bbox.top + bbox.height)).reverse()]) ctx.lineTo(x, y);
  ctx.globalAlpha = 0.13;
  ctx.fillStyle = ctx.strokeStyle = ink;
  ctx.fill();
  ctx.globalAlpha = 0.7;
  ctx.setLineDash([2, 4]);
  ctx.beginPath();
  for (const [x, y] of way(edge(band.expected, bbox.top))) ctx.lineTo(x, y);
  ctx.stroke();
  ctx.restore();
}

function drawThresholds(chart, props) {
  const { ctx, bbox } = chart;
  for (const { limit, severity } of props.thresholds || []) {
    const y = chart.valToPos(limit, "y", true);
    if (!(y >= bbox.top && y <= bbox.top + bbox.height)) continue;
    ctx.save();
    ctx.strokeStyle = colour(`--${severity}`);
    ctx.setLineDash([6, 4]);
    ctx.lineWidth = devicePixelRatio || 1;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }
}

function tell(chart, props) {
  const out = chart.root.parentNode?.querySelector(".chart-tip");
  if (!out) return;
  const place = chart.cursor.idx;
  if (place === null || place === undefined) {
    out.textContent = "";
    return;
  }
  const at = moment(chart.data[0][place], 1);
  const found = props.lines
    .map((line, number) => [line.name, chart.data[number + 1]?.[place]])
    .filter(([, reading]) => reading !== undefined && reading !== null)
    .map(([name, reading]) => (name ? `${name} ${value(reading, props.unit)}` : value(reading, props.unit)));
  out.textContent = `${at}  ${found.join(",  ")}`;
}

// lines: [{name, times, values, band}], unit, thresholds: [{limit, severity, name}], alerts, and span: a time of its own
export function Chart(props) {
  const place = useRef(null);
  const kept = useRef(null);
  const given = useRef(props);
  given.current = props;
  const shape = props.lines.map((line) => line.name).join("|") + props.unit + (props.height || "") + props.theme;

  useLayoutEffect(() => {
    const element = place.current;
    if (!element || !uPlot) return undefined;
    const live = { unit: props.unit, height: props.height };
    for (const name of ["lines", "thresholds", "alerts", "span"]) Object.defineProperty(live, name, { get: () => given.current[name] });
    const { top } = element.getBoundingClientRect();
    const make = () => {
      if (kept.current || !element.isConnected) return;
      const chart = new uPlot(options(live, element.clientWidth || 400), aligned(given.current.lines), element);
      chart.over.addEventListener("dblclick", () => look(null));
      chart.span = given.current.span;
      kept.current = chart;
      charts.add(chart);
    };
    // What is seen at once is made before the first picture, once all charts have been laid out; what nobody sees is
    // made when there is time, and drawn no further.
    if (top < innerHeight) queueMicrotask(make);
    const later = setTimeout(make, 1500);
    const eye = new IntersectionObserver(([entry]) => {
      if (entry.isIntersecting) make();
      if (!kept.current) return;
      kept.current.seen = entry.isIntersecting;
      if (kept.current.seen && kept.current.stale) refill();
    });
    eye.observe(element);
    const watcher = new ResizeObserver(() => {
      const chart = kept.current;
      const width = element.clientWidth;
      if (chart && width && width !== chart.width) chart.setSize({ width, height: chart.height });
    });
    watcher.observe(element);
    return () => {
      clearTimeout(later);
      watcher.disconnect();
      eye.disconnect();
      charts.delete(kept.current);
      kept.current?.destroy();
      kept.current = null;
    };
  }, [shape]);

  const refill = () => {
    kept.current.stale = false;
    kept.current.span = given.current.span;
    kept.current.setData(aligned(given.current.lines));
  };
  const news = JSON.stringify([
    props.lines.map((line) => [line.times.length, line.times[line.times.length - 1]]),
    (props.alerts || []).map((alert) => [alert.id, alert.resolved_at]),
    (props.thresholds || []).map((one) => one.limit),
  ]);
  useEffect(() => {
    if (!kept.current) return;
    if (kept.current.seen && !document.hidden) refill();
    else kept.current.stale = true;
  }, [news, shape]);

  const keys = (event) => {
    const moves = { ArrowLeft: () => pan(-0.25), ArrowRight: () => pan(0.25), Escape: () => look(null) };
    if (moves[event.key]) {
      moves[event.key]();
      event.preventDefault();
    }
  };
  return html`<div class=${`chart${props.height ? " tall" : ""}`} tabindex="0" role="img" aria-label=${props.label} onKeyDown=${keys}>
    <div ref=${place}></div>
    <div class="chart-tip" aria-hidden="true"></div>
  </div>`;
}

export const lineName = (series, several) =>
  labelText(series.labels).replace(/^\w+=([^,]*)$/, "$1") || (several ? series.metric : "");

const Stroke = ({ of, dash }) => html`<svg width="20" height="8" aria-hidden="true"><line x1="1" y1="4" x2="19" y2="4" class=${of}
  stroke-width="2" stroke-dasharray=${dash} /></svg>`;

// Which line is which, where a rule rings, and what was expected.
export function Legend({ lines, unit, thresholds = [] }) {
  const named = lines.length > 1;
  const limits = new Map(thresholds.filter((one) => one.limit !== null).map((one) => [`${one.limit} ${one.severity}`, one]));
  const band = !named && lines[0]?.band;
  const text = (bound, none) => (bound === null ? none : value(bound, unit));
  return html`<ul class="legend">
    ${named && lines.map((line, place) => html`<li key=${line.name}>
      <${Stroke} of=${`stroke-${(place % COLOURS.length) + 1}`} dash=${DASHES[Math.floor(place / COLOURS.length) % DASHES.length].join(" ")} />
      ${" "}${line.name} <b>${value(line.values[line.values.length - 1], unit)}</b></li>`)}
    ${[...limits.values()].map((one) => html`<li key=${one.limit + one.severity}><${Stroke} of=${`stroke-${one.severity}`} dash="5 3" /> ${one.severity} <b>${value(one.limit, unit)}</b></li>`)}
    ${band && html`<li><svg width="20" height="8" aria-hidden="true"><rect width="20" height="8" class="band-key" /></svg>
      ${" "}expected <b>${value(band.expected.at(-1), unit)}</b> (${text(band.low.at(-1), "any")} to ${text(band.high.at(-1), "any")})</li>`}
  </ul>`;
}

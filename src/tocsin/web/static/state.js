// What the page knows: filled once by asking, and kept fresh by the stream.

import { useEffect, useState } from "./vendor/preact-htm.js";
import { begin, get, listen } from "./api.js";

export const RANGES = [[600, "10 min"], [3600, "1 h"], [21600, "6 h"], [86400, "24 h"], [604800, "7 d"]];
const KEPT_POINTS = 4000;

export const state = {
  session: null,
  error: "",
  link: "begins",
  alerts: new Map(),
  rules: [],
  silences: [],
  panels: [],
  units: {},
  series: new Map(),
  bands: new Map(),
  rangeS: 600,
  window: null,
  oldest: Infinity,
  version: 0,
  said: "",
};

const listeners = new Set();

export function touch(changes = {}) {
  Object.assign(state, changes);
  state.version += 1;
  for (const listener of listeners) listener(state.version);
}

// Draw again when something changes.
export function useStore() {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = (version) => draw(version);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return state;
}

// Ask once, and again when `keys` change or somebody calls `again`.
export function useAnswer(path, parameters, keys = []) {
  const [answer, setAnswer] = useState({ data: null, error: "", asked: 0 });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let wanted = true;
    get(path, parameters)
      .then((data) => wanted && setAnswer({ data, error: "", asked: Date.now() }))
      .catch((error) => wanted && setAnswer((old) => ({ ...old, error: error.message, asked: Date.now() })));
    return () => {
      wanted = false;
    };
  }, [path, turn, ...keys]);
  return { ...answer, again: () => setTurn((old) => old + 1) };
}

// The moment from which is counted back, in Unix seconds: of a program that has ended, its end.
export function presentS() {
  const left = state.session?.left;
  return left && !left.runs ? Date.parse(left.at) / 1000 : Date.now() / 1000;
}

// Now and then, while somebody looks; `act` is that of the first drawing, or of the last change of `keys`.
export function useEvery(seconds, act, keys = []) {
  useEffect(() => {
    const timer = setInterval(() => document.hidden || act(), seconds * 1000);
    return () => clearInterval(timer);
  }, keys);
}

// The time, each second while somebody looks.
export function useNow() {
  const [now, setNow] = useState(presentS());
  useEvery(1, () => setNow(presentS()));
  return now;
}

// What this browser keeps, if it keeps anything.
export function kept(name) {
  try {
    return localStorage.getItem(`tocsin-${name}`) || "";
  } catch {
    return "";
  }
}
export function keep(name, text) {
  try {
    localStorage.setItem(`tocsin-${name}`, text);
  } catch {
    // nothing
  }
}

export const keyOf = (metric, labels) => `${metric}|${JSON.stringify(labels)}`;

export function openAlerts() {
  const rank = { critical: 3, warning: 2, info: 1 };
  return [...state.alerts.values()]
    .filter((alert) => alert.state === "firing")
    .sort((a, b) => rank[b.severity] - rank[a.severity] || Date.parse(a.started_at) - Date.parse(b.started_at));
}

// -- readings; of what is charted, since no metric is named. index.html has the first be asked for before any script runs.

const byKey = (found) => new Map((found || []).map((one) => [keyOf(one.metric, one.labels), one]));

export async function loadReadings(rangeS = state.rangeS) {
  touch({ rangeS });
  try {
    const found = await get("readings", { since_s: rangeS });
    if (rangeS !== state.rangeS) return; // another range was chosen meanwhile
    const oldest = Math.min(...found.series.map((one) => one.times[0] ?? Infinity));
    touch({ series: byKey(found.series), bands: byKey(found.bands), oldest, error: "" });
  } catch (error) {
    touch({ error: error.message });
  }
}

// The last readings go behind what is drawn, as long as each second is worth a point.
function takeReadings({ at, values }) {
  const step = state.rangeS / 500;
  state.oldest = Math.min(state.oldest, at);
  for (const [metric, labels, reading] of values) {
    if (reading === null) continue;
    const key = keyOf(metric, labels);
    let one = state.series.get(key);
    if (!one) {
      one = { metric, labels, unit: state.units[metric], times: [], values: [], low: [], high: [] };
      state.series.set(key, one);
    }
    const last = one.times.length - 1;
    one.latest = reading;
    if (last >= 0 && at - one.times[last] < step * 0.5) continue;
    one.times.push(at);
    one.values.push(reading);
    one.low.push(reading);
    one.high.push(reading);
    const oldest = at - state.rangeS;
    let gone = 0;
    while (gone < one.times.length && (one.times[gone] < oldest || one.times.length - gone > KEPT_POINTS)) gone += 1;
    if (gone > 0) for (const column of [one.times, one.values, one.low, one.high]) column.splice(0, gone);
  }
  touch();
}

// -- the beginning, and what the stream tells

// What the stream tells while an answer is on its way is newer than that answer.
let told = [];
const askAlerts = async () => {
  const asked = performance.now();
  const found = await get("alerts", { since_s: 7 * 86400 });
  const newer = told.filter(([at]) => at >= asked).map(([, alert]) => alert);
  state.alerts = new Map([...found.alerts, ...newer].map((alert) => [alert.id, alert]));
};
const askRules = async () => {
  state.rules = (await get("rules")).rules;
};
const askSilences = async () => {
  state.silences = (await get("silences")).silences;
};

export async function refresh() {
  try {
    await Promise.all([askAlerts(), askRules(), askSilences()]);
    touch({ error: "" });
  } catch (error) {
    touch({ error: error.message });
  }
}

export async function start() {
  try {
    const [session, { panels, units }] = await Promise.all([begin(), get("panels"), refresh(), loadReadings()]);
    touch({ session, panels, units });
  } catch (error) {
    touch({ error: error.message });
    setTimeout(start, 3000);
    return;
  }
  listen(heard, (link) => touch({ link }));
  let minutes = 0;
  // Longer ranges are asked for anew, since they are outlines; and the bands, which the stream does not tell.
  setInterval(() => !document.hidden && (state.rangeS > 3600 || (minutes += 1) % 5 === 0) && loadReadings(), 60000);
}

let met = "";
let rulesAsked = 0;

function heard(kind, data) {
  if (kind === "hello") {
    const stranger = met && !data.resumed;
    if (!met) setTimeout(refresh, 500); // for what came between the first answers and the stream
    met = data.run;
    if (stranger) begin().then(refresh).then(() => loadReadings()).catch((error) => touch({ error: error.message }));
    touch({ link: "live" });
  } else if (kind === "alert") {
    const before = state.alerts.get(data.id);
    state.alerts.set(data.id, data);
    told = [...told.slice(-500), [performance.now(), data]];
    if (data.state === "firing" && before?.state !== "firing") {
      setTimeout(() => askAlerts().then(() => touch()).catch(() => {}), 3000); // what proves it comes a little later
      touch({ said: `${data.severity}: ${data.title}. ${data.message}` });
    } else {
      touch();
    }
    if (Date.now() - rulesAsked > 2000) {
      rulesAsked = Date.now();
      setTimeout(() => askRules().then(() => touch()).catch(() => {}), 500);
    }
  } else if (kind === "orders") {
    Promise.all([askSilences(), askAlerts()]).then(() => touch()).catch(() => {});
  } else if (kind === "rules") {
    askRules().then(() => touch()).catch(() => {});
  } else if (kind === "readings") {
    takeReadings(data);
  }
}

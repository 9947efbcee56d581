// Values, times and places as a person reads them.

const trim = (value) => {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return String(value);
  if (size && size < 1) return String(Number(value.toPrecision(3)));
  const text = value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
};

const prefixed = (value, unit) => {
  for (const [factor, prefix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= factor) return `${trim(value / factor)} ${prefix}${unit}`;
  }
  return `${trim(value)} ${unit}`;
};

export function duration(seconds) {
  const size = Math.abs(seconds);
  if (size >= 172800) return `${trim(seconds / 86400)} d`;
  if (size >= 7200) return `${trim(seconds / 3600)} h`;
  if (size >= 120) return `${trim(seconds / 60)} min`;
  if (size >= 1 || size === 0) return `${trim(seconds)} s`;
  if (size >= 1e-3) return `${trim(seconds * 1e3)} ms`;
  return `${trim(seconds * 1e6)} µs`;
}

export function value(number, unit) {
  if (number === null || number === undefined || Number.isNaN(number)) return "no data";
  if (unit === "1") return `${trim(number * 100)} %`;
  if (unit === "By") return prefixed(number, "B");
  if (unit === "By/s") return `${prefixed(number, "B")}/s`;
  if (unit === "s") return duration(number);
  const [name, per] = String(unit || "").split("/");
  const bare = name.startsWith("{") ? "" : name;
  return `${Math.abs(number) >= 1e5 ? prefixed(number, bare).trim() : `${trim(number)} ${bare}`.trim()}${per ? `/${per}` : ""}`;
}

export const bytes = (number) => value(number, "By");

export function age(iso, nowS) {
  const seconds = Math.max(nowS - Date.parse(iso) / 1000, 0);
  return seconds < 1 ? "now" : duration(seconds < 60 ? Math.round(seconds) : seconds);
}

export const clock = (iso) => {
  const at = typeof iso === "number" ? new Date(iso * 1000) : new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  return today ? time : `${at.toLocaleDateString([], { month: "short", day: "numeric" })} ${time}`;
};

// A moment on an axis whose marks are so many seconds apart.
export function moment(unixS, step) {
  const at = new Date(unixS * 1000);
  const two = (number) => String(number).padStart(2, "0");
  if (step >= 86400 || (step >= 3600 && !at.getHours())) return at.toLocaleDateString([], { month: "short", day: "numeric" });
  return `${two(at.getHours())}:${two(at.getMinutes())}${step < 60 ? `:${two(at.getSeconds())}` : ""}`;
}

export const labels = (found) =>
  Object.entries(found || {}).map(([name, text]) => `${name}=${text}`).join(", ");

export const many = (count, one, more = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

export const CONDITIONS = { greater_than: ">", less_than: "<", equals: "=", not_equals: "≠" };

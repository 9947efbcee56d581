// Asking the program. Every address is relative, so the page works wherever it is mounted.

const ROOT = "api/v1/";
let session = { program: "", may: "read", csrf: "", version: "" };

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(method, path, body) {
  const headers = {}; // a GET bears none, so that it is met by what index.html had asked for already
  if (method !== "GET") {
    headers["X-CSRF-Token"] = session.csrf;
    if (method === "POST") headers["Content-Type"] = "application/json";
  }
  let reply;
  try {
    reply = await fetch(ROOT + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Refused(0, "The program does not answer. Has it ended?");
  }
  const text = await reply.text();
  let found = {};
  try {
    found = text ? JSON.parse(text) : {};
  } catch {
    throw new Refused(reply.status, "The answer could not be read.");
  }
  if (!reply.ok) throw new Refused(reply.status, found.error || `The program answered ${reply.status}.`);
  return found;
}

export const get = (path, parameters = {}) => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, one);
  }
  const text = query.toString();
  return ask("GET", text ? `${path}?${text}` : path);
};
export const post = (path, body = {}) => ask("POST", path, body);
export const remove = (path) => ask("DELETE", path);
export const encoded = encodeURIComponent;

export async function begin() {
  session = await get("session");
  return session;
}

// One stream for the whole page. The browser comes back by itself and says what it heard last; only where the server is
// gone for good, or refuses, is it begun anew here.
export function listen(heard, changed) {
  let source = null;
  let again = 0;
  let stopped = false;
  const open = () => {
    source = new EventSource(`${ROOT}stream`);
    for (const kind of ["hello", "alert", "orders", "rules", "readings"]) {
      source.addEventListener(kind, (event) => {
        again = 0;
        heard(kind, JSON.parse(event.data));
      });
    }
    source.onopen = () => changed("live");
    source.onerror = () => {
      changed("lost");
      if (source.readyState === EventSource.CLOSED && !stopped) {
        again += 1;
        setTimeout(open, Math.min(1000 * 2 ** again, 15000));
      }
    };
  };
  open();
  return () => {
    stopped = true;
    source.close();
  };
}

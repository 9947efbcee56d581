// Small parts that several views share.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { encoded, get, post } from "./api.js";
import { keep, kept, refresh, state, touch } from "./state.js";
import { age, clock, CONDITIONS, many, value } from "./words.js";

const SHAPES = { critical: "▲", warning: "◆", info: "●" };

export const Severity = ({ of }) =>
  html`<span class=${`severity ${of}`}><span aria-hidden="true">${SHAPES[of] || "●"}</span> ${of}</span>`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

export function Problem({ text }) {
  return text ? html`<p class="problem" role="alert">${text}</p>` : null;
}

// A table that may be wider than the screen; what begins with # is a column of numbers.
export const Table = ({ label, heads, children }) => html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table>
  <caption class="hidden">${label}</caption>
  <thead><tr>${heads.map((head) => html`<th class=${head[0] === "#" ? "number" : ""}>${head.replace("#", "")}</th>`)}</tr></thead>
  <tbody>${children}</tbody></table></div>`;

// rows: [name, share of the longest bar, how bad it is, its value in words, what else there is to say]
export const Bars = ({ label, rows }) => html`<table class="bars"><caption class="hidden">${label}</caption>
  <tbody>${rows.map(([name, share, grade, text, more]) => html`<tr><th scope="row">${name}</th>
    <td><${Bar} share=${share} grade=${grade} /></td><td class="number">${text}</td>${more && html`<td class="soft">${more}</td>`}</tr>`)}</tbody></table>`;

export const Bar = ({ share, grade }) => html`<progress class=${grade} value=${share} aria-hidden="true"></progress>`;

export const mayAct = () => state.session?.may === "act";

export function Figure({ alert }) {
  if (alert.value === null || alert.value === undefined) return null;
  if (alert.resolved_at) return html`<span class="figure"><b>${value(alert.value, alert.unit)}</b> at the end, threshold ${value(alert.threshold, alert.unit)}</span>`;
  const rule = state.rules.find((one) => one.name === alert.rule);
  const sign = CONDITIONS[rule?.condition] || "against";
  return html`<span class="figure"><b>${value(alert.value, alert.unit)}</b> ${sign} ${value(alert.threshold, alert.unit)}</span>`;
}

// In a list, with its name and the first of what proves it; alone, below its own heading, without.
export function AlertCard({ alert, now, alone, onAcknowledge, onSilence }) {
  const mark = alert.acknowledgement;
  return html`<li class=${`alert ${alert.severity}${mark?.holds ? " acknowledged" : ""}`}>
    <div class="alert-main">
      <div class="alert-head">
        <${Severity} of=${alert.severity} />
        ${!alone && html`<a class="alert-title" href=${`#/alerts/${encoded(alert.id)}`}>${alert.title}</a>`}
        ${alert.count > 1 && html`<span class="soft">× ${alert.count}</span>`}
      </div>
      <p class="alert-message">${alert.message}</p>
      ${!alone && alert.proof && html`<p class="proof mono">${alert.proof}</p>`}
      <p class="alert-facts">
        <${Figure} alert=${alert} />
        ${alert.component && html`<span>in <b>${alert.component}</b></span>`}
        ${alert.pid && html`<span>of process ${alert.pid}</span>`}
        <span>${alert.state === "firing" ? "for" : alert.state} ${age(alert.started_at, now)}</span>
        ${alert.held && html`<span>held back: ${alert.held}</span>`}
        ${mark?.holds && html`<span>taken care of by <b>${mark.by || "somebody"}</b>${mark.comment ? `: ${mark.comment}` : ""}${mark.expires_at ? `, until ${clock(mark.expires_at)}` : ""}</span>`}
      </p>
    </div>
    ${mayAct() && alert.state === "firing" && onAcknowledge && html`<div class="alert-acts">
      ${!mark?.holds && html`<button type="button" onClick=${() => onAcknowledge(alert)}>Acknowledge</button>`}
      <button type="button" class="quiet" onClick=${() => onSilence(alert)}>Silence…</button>
    </div>`}
  </li>`;
}

// A dialog of the browser's own: it keeps the focus, ends with Escape, and gives the focus back.
export function Dialog({ title, onClose, children }) {
  const place = useRef(null);
  useEffect(() => {
    const dialog = place.current;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  const outside = (event) => event.target === place.current && onClose();
  return html`<dialog ref=${place} aria-label=${title} onCancel=${onClose} onClick=${outside}>
    <h2>${title}</h2>
    ${children}
  </dialog>`;
}

const TIMES = [[900, "15 minutes"], [3600, "1 hour"], [14400, "4 hours"], [86400, "1 day"], [604800, "1 week"]];
function useOrder(onClose) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const order = async (send, said) => {
    setBusy(true);
    setError("");
    try {
      const answer = await send();
      touch({ said });
      onClose(answer);
      refresh();
    } catch (problem) {
      setError(problem.message);
      setBusy(false);
    }
  };
  return { busy, error, order };
}

export function Acknowledge({ alert, onClose }) {
  const [by, setBy] = useState(kept("name"));
  const [comment, setComment] = useState("");
  const [forS, setForS] = useState("");
  const { busy, error, order } = useOrder(onClose);
  const send = (event) => {
    event.preventDefault();
    keep("name", by);
    const mark = { by, comment, ...(forS ? { for_s: Number(forS) } : {}) };
    order(() => post(`alerts/${encoded(alert.id)}/acknowledge`, mark), `${alert.title} is acknowledged`);
  };
  return html`<${Dialog} title="Take care of it" onClose=${onClose}>
    <form onSubmit=${send}>
      <p>Repeats of <b>${alert.title}</b> stop. It ends with the alert, or when that gets worse.</p>
      <label>Your name <input value=${by} onInput=${(e) => setBy(e.target.value)} maxlength="200" autocomplete="name" autofocus /></label>
      <label>Comment <textarea rows="3" maxlength="2000" value=${comment} onInput=${(e) => setComment(e.target.value)}></textarea></label>
      <label>Until <select value=${forS} onChange=${(e) => setForS(e.target.value)}>
        <option value="">it is over</option>
        ${TIMES.map(([seconds, words]) => html`<option value=${seconds}>${words} from now</option>`)}
      </select></label>
      <${Problem} text=${error} />
      <div class="acts"><button disabled=${busy}>Acknowledge</button>
        <button type="button" class="quiet" onClick=${() => onClose()}>Cancel</button></div>
    </form>
  </${Dialog}>`;
}

const quoted = (text) => (/^[\w.:/-]+$/.test(text) ? text : JSON.stringify(text));

export function Silence({ alert, onClose }) {
  const first = alert
    ? [alert.rule ? `rule=${quoted(alert.rule)}` : `title=${quoted(alert.title)}`, ...(alert.component ? [`component=${quoted(alert.component)}`] : [])]
    : [""];
  const [text, setText] = useState(first.join("\n"));
  const [forS, setForS] = useState("3600");
  const [author, setAuthor] = useState(kept("name"));
  const [comment, setComment] = useState("");
  const [found, setFound] = useState({ words: "…", alerts: [] });
  const { busy, error, order } = useOrder(onClose);
  const matchers = text.split("\n").map((line) => line.trim()).filter(Boolean);
  useEffect(() => {
    if (!matchers.length) {
      setFound({ words: "Write at least one matcher, such as component=db", alerts: [] });
      return undefined;
    }
    const timer = setTimeout(() => {
      get("silences/preview", { matchers })
        .then((answer) => setFound({ words: answer.alerts.length ? `It holds back ${many(answer.alerts.length + answer.left_out, "open alert")}:` : "It matches no open alert.", alerts: answer.alerts }))
        .catch((problem) => setFound({ words: problem.message, alerts: [] }));
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  const send = (event) => {
    event.preventDefault();
    keep("name", author);
    order(() => post("silences", { matchers, for_s: Number(forS), author, comment }), "The silence holds");
  };
  return html`<${Dialog} title="Silence" onClose=${onClose}>
    <form onSubmit=${send}>
      <p>Nobody is told of alerts that match all of these. Their life goes on, and what still fires then is told.</p>
      <label>Matchers, one a line <textarea rows="3" class="mono" value=${text} onInput=${(e) => setText(e.target.value)} autofocus></textarea></label>
      <div class="preview" aria-live="polite"><p>${found.words}</p>
        <ul>${found.alerts.slice(0, 5).map((one) => html`<li><${Severity} of=${one.severity} /> ${one.title}</li>`)}</ul></div>
      <label>For <select value=${forS} onChange=${(e) => setForS(e.target.value)}>
        ${TIMES.map(([seconds, words]) => html`<option value=${seconds}>${words}</option>`)}
      </select></label>
      <label>Your name <input value=${author} onInput=${(e) => setAuthor(e.target.value)} maxlength="200" /></label>
      <label>Why <input value=${comment} onInput=${(e) => setComment(e.target.value)} maxlength="2000" /></label>
      <${Problem} text=${error} />
      <div class="acts"><button disabled=${busy || !matchers.length}>Silence</button>
        <button type="button" class="quiet" onClick=${() => onClose()}>Cancel</button></div>
    </form>
  </${Dialog}>`;
}

// Both dialogs, for a view: what to open, and what is open.
export function useOrders() {
  const [open, setOpen] = useState(null);
  const close = () => setOpen(null);
  const dialog =
    open?.kind === "acknowledge" ? html`<${Acknowledge} alert=${open.alert} onClose=${close} />`
    : open?.kind === "silence" ? html`<${Silence} alert=${open.alert} onClose=${close} />`
    : null;
  return {
    dialog,
    acknowledge: (alert) => setOpen({ kind: "acknowledge", alert }),
    silence: (alert) => setOpen({ kind: "silence", alert }),
  };
}

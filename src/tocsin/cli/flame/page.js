"use strict";

// -- the tree of calls, without a page: from stacks (innermost frame first) to boxes

function buildTree(stacks) {
  const root = { frame: -1, bytes: 0, samples: 0, own: 0, children: new Map(), parent: null, depth: 0 };
  for (const stack of stacks) {
    let node = root;
    node.bytes += stack.bytes;
    node.samples += stack.samples;
    for (let at = stack.frames.length - 1; at >= 0; at--) {
      const frame = stack.frames[at];
      let child = node.children.get(frame);
      if (!child) {
        child = { frame, bytes: 0, samples: 0, own: 0, children: new Map(), parent: node, depth: node.depth + 1 };
        node.children.set(frame, child);
      }
      child.bytes += stack.bytes;
      child.samples += stack.samples;
      node = child;
    }
    node.own += stack.bytes;
  }
  return root;
}

function byBytes(node) {
  return [...node.children.values()].sort((a, b) => b.bytes - a.bytes || a.frame - b.frame);
}

// Boxes of what begins at `top`, as shares of its width; what is narrower than `least` is left out.
function layOut(top, least) {
  const boxes = [];
  const way = [];
  for (let node = top; node; node = node.parent) way.unshift(node);
  way.forEach((node, row) => boxes.push({ node, row, left: 0, width: 1 }));
  const place = (node, row, left, width) => {
    let at = left;
    for (const child of byBytes(node)) {
      const share = node.bytes ? (child.bytes / node.bytes) * width : 0;
      if (share >= least) {
        boxes.push({ node: child, row, left: at, width: share });
        place(child, row + 1, at, share);
      }
      at += share;
    }
  };
  place(top, way.length, 0, 1);
  return boxes;
}

// Bytes below boxes that fit; a box inside of one that fits is not counted again.
function bytesOf(node, fits) {
  if (node.frame >= 0 && fits(node)) return node.bytes;
  let sum = 0;
  for (const child of node.children.values()) sum += bytesOf(child, fits);
  return sum;
}

function linesOf(stacks) {
  const lines = new Map();
  for (const stack of stacks) {
    if (!stack.frames.length) continue;
    const line = lines.get(stack.frames[0]) || { frame: stack.frames[0], bytes: 0, samples: 0 };
    line.bytes += stack.bytes;
    line.samples += stack.samples;
    lines.set(line.frame, line);
  }
  return [...lines.values()].sort((a, b) => b.bytes - a.bytes);
}

function sizeOf(bytes) {
  for (const [unit, size] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (bytes >= size) return `${Number((bytes / size).toPrecision(3))} ${unit}`;
  }
  return `${Math.round(bytes)} B`;
}

function shareOf(part, whole) {
  return whole ? `${Number(((part / whole) * 100).toPrecision(3))} %` : "0 %";
}

// -- the page

const ROW = 22;
const LEAST_PX = 3;
const MOST_LINES = 50;

function drawPage(data, page) {
  const find = (id) => page.getElementById(id);
  const graph = find("graph");
  const root = buildTree(data.stacks);
  let top = root;
  let sought = "";
  let focused = root;

  const nameOf = (node) => {
    if (node.frame < 0) return "all that lives";
    const [file, line, name] = data.frames[node.frame];
    return `${name}  ${file}:${line}`;
  };
  const fits = (node) => {
    if (!sought || node.frame < 0) return false;
    const [file, line, name] = data.frames[node.frame];
    return `${file}:${line} ${name}`.toLowerCase().includes(sought);
  };
  const hueOf = (node) => {
    let hash = 7;
    for (const letter of node.frame < 0 ? "all" : data.frames[node.frame][0]) hash = (hash * 31 + letter.codePointAt(0)) % 3600;
    return hash / 10;
  };
  const isLibrary = (node) => node.frame >= 0 && data.frames[node.frame][3];
  const wordsOf = (node) =>
    `${nameOf(node)}: ${sizeOf(node.bytes)}, ${shareOf(node.bytes, root.bytes)} of all, ${node.samples.toLocaleString("en")} samples` +
    (node.own ? `, ${sizeOf(node.own)} allocated by this line itself` : "");

  function draw() {
    const width = graph.clientWidth || 1000;
    const boxes = layOut(top, LEAST_PX / width);
    graph.textContent = "";
    graph.style.height = `${(Math.max(...boxes.map((box) => box.row)) + 1) * ROW}px`;
    for (const box of boxes) {
      const part = page.createElement("button");
      part.type = "button";
      part.className = "box";
      part.classList.toggle("library", isLibrary(box.node));
      part.classList.toggle("dim", box.row < top.depth);
      part.classList.toggle("hit", fits(box.node));
      part.style.cssText = `left:${box.left * 100}%;width:${box.width * 100}%;top:${box.row * ROW}px;--hue:${hueOf(box.node)}`;
      part.textContent = `${nameOf(box.node)} (${sizeOf(box.node.bytes)})`;
      part.title = wordsOf(box.node);
      part.setAttribute("role", "treeitem");
      part.setAttribute("aria-level", String(box.node.depth + 1));
      part.setAttribute("aria-label", wordsOf(box.node));
      part.tabIndex = box.node === focused ? 0 : -1;
      part.node = box.node;
      graph.append(part);
    }
    if (!boxes.some((box) => box.node === focused)) partOf(top).tabIndex = 0;
    drawPath();
  }

  function partOf(node) {
    return [...graph.children].find((part) => part.node === node);
  }

  function drawPath() {
    const path = find("path");
    path.textContent = "";
    const way = [];
    for (let node = top; node; node = node.parent) way.unshift(node);
    way.forEach((node, at) => {
      if (at) {
        const mark = page.createElement("span");
        mark.textContent = "›";
        path.append(mark);
      }
      const step = page.createElement("button");
      step.type = "button";
      step.textContent = node.frame < 0 ? "all" : data.frames[node.frame][2];
      step.addEventListener("click", () => zoom(node));
      path.append(step);
    });
  }

  function zoom(node) {
    top = node;
    focused = node;
    draw();
    focus(node);
  }

  function focus(node) {
    const part = node && partOf(node);
    if (!part) return;
    const before = partOf(focused);
    if (before) before.tabIndex = -1;
    focused = node;
    part.tabIndex = 0;
    part.focus();
  }

  function search(text) {
    sought = text.trim().toLowerCase();
    for (const part of graph.children) part.classList.toggle("hit", fits(part.node));
    const bytes = sought ? bytesOf(root, fits) : 0;
    find("found").textContent = sought ? `${sizeOf(bytes)}, ${shareOf(bytes, root.bytes)}` : "";
  }

  function beside(node, step) {
    if (!node.parent) return node;
    const row = byBytes(node.parent);
    return row[row.indexOf(node) + step] || node;
  }

  const KEYS = {
    ArrowUp: (node) => focus(node.parent),
    ArrowDown: (node) => focus(byBytes(node)[0]),
    ArrowLeft: (node) => focus(beside(node, -1)),
    ArrowRight: (node) => focus(beside(node, 1)),
    Home: () => focus(root),
  };

  graph.addEventListener("click", (event) => {
    const part = event.target.closest(".box");
    if (part) zoom(part.node);
  });
  for (const kind of ["mouseover", "focusin"]) {
    graph.addEventListener(kind, (event) => {
      const part = event.target.closest(".box");
      if (part) find("detail").textContent = wordsOf(part.node);
    });
  }
  graph.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (act && event.target.node) {
      event.preventDefault();
      act(event.target.node);
    }
  });
  page.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (page.activeElement === find("search") && find("search").value) {
        find("search").value = "";
        search("");
      } else if (top.parent) {
        zoom(top.parent);
      }
    } else if (event.key === "/" && page.activeElement !== find("search")) {
      event.preventDefault();
      find("search").focus();
    }
  });
  find("search").addEventListener("input", (event) => search(event.target.value));
  find("tools").addEventListener("submit", (event) => event.preventDefault());
  find("reset").addEventListener("click", () => zoom(root));
  find("theme").addEventListener("click", () => {
    const shown = page.documentElement;
    const dark = shown.dataset.theme ? shown.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    shown.dataset.theme = dark ? "light" : "dark";
  });
  addEventListener("resize", draw);

  page.title = data.title;
  find("title").textContent = data.title;
  find("subtitle").textContent = data.subtitle;
  drawLines(data, page, root, (frame) => {
    find("search").value = `${data.frames[frame][0]}:${data.frames[frame][1]}`;
    search(find("search").value);
  });
  draw();
}

function drawLines(data, page, root, show) {
  const body = page.getElementById("lines").tBodies[0];
  for (const line of linesOf(data.stacks).slice(0, MOST_LINES)) {
    const row = body.insertRow();
    for (const text of [sizeOf(line.bytes), shareOf(line.bytes, root.bytes), line.samples.toLocaleString("en")]) {
      row.insertCell().textContent = text;
    }
    const [file, number, name] = data.frames[line.frame];
    const button = page.createElement("button");
    button.type = "button";
    button.textContent = `${file}:${number} in ${name}`;
    button.addEventListener("click", () => show(line.frame));
    row.insertCell().append(button);
  }
}

if (typeof document !== "undefined") {
  drawPage(JSON.parse(document.getElementById("data").textContent), document);
}

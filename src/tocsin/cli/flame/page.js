"use strict";

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

function timeOf(seconds) {
  return seconds < 1 ? `${Number((seconds * 1000).toPrecision(3))} ms` : `${Number(seconds.toPrecision(3))} s`;
}

// -- the page around the flame graph

const MOST_LINES = 50;

function drawPage(data, page) {
  const find = (id) => page.getElementById(id);
  const graph = find("graph");
  const words = data.words || HEAP;
  const amount = words.unit === "s" ? timeOf : sizeOf;

  function drawPath(top) {
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
      step.addEventListener("click", () => picture.zoom(node));
      path.append(step);
    });
  }

  const told = (text) => {
    find("detail").textContent = text;
  };
  const picture = flame(graph, data, { page, amount, told, moved: drawPath, words });

  function search(text) {
    const bytes = picture.search(text);
    find("found").textContent = bytes === null ? "" : `${amount(bytes)}, ${shareOf(bytes, picture.root.bytes)}`;
  }

  page.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (page.activeElement === find("search") && find("search").value) {
        find("search").value = "";
        search("");
      } else {
        picture.out();
      }
    } else if (event.key === "/" && page.activeElement !== find("search")) {
      event.preventDefault();
      find("search").focus();
    }
  });
  find("search").addEventListener("input", (event) => search(event.target.value));
  find("tools").addEventListener("submit", (event) => event.preventDefault());
  find("reset").addEventListener("click", picture.whole);
  find("theme").addEventListener("click", () => {
    const shown = page.documentElement;
    const dark = shown.dataset.theme ? shown.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    shown.dataset.theme = dark ? "light" : "dark";
  });
  addEventListener("resize", picture.draw);

  page.title = data.title;
  find("title").textContent = data.title;
  find("subtitle").textContent = data.subtitle;
  if (data.words) {
    find("reset").textContent = words.reset;
    find("column").textContent = words.column;
    graph.setAttribute("aria-label", words.graph);
  }
  drawLines(data, page, picture.root, amount, (frame) => {
    find("search").value = `${data.frames[frame][0]}:${data.frames[frame][1]}`;
    search(find("search").value);
  });
}

function drawLines(data, page, root, amountOf, show) {
  const body = page.getElementById("lines").tBodies[0];
  for (const line of linesOf(data.stacks).slice(0, MOST_LINES)) {
    const row = body.insertRow();
    for (const text of [amountOf(line.bytes), shareOf(line.bytes, root.bytes), line.samples.toLocaleString("en")]) {
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

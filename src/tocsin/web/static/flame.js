// A flame graph of stacks: on the page, and in the file that `tocsin leaks --flame` writes, which takes this text as it is.

// -- the tree of calls: from stacks (innermost frame first) to boxes

export function buildTree(stacks) {
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

const byBytes = (node) => [...node.children.values()].sort((a, b) => b.bytes - a.bytes || a.frame - b.frame);

// Boxes of what begins at `top`, as shares of its width; what is narrower than `least` is left out.
function layOut(top, least) {
  const boxes = [];
  for (let node = top; node; node = node.parent) boxes.unshift({ node, left: 0, width: 1 });
  const place = (node, left, width) => {
    let at = left;
    for (const child of byBytes(node)) {
      const share = node.bytes ? (child.bytes / node.bytes) * width : 0;
      if (share >= least) {
        boxes.push({ node: child, left: at, width: share });
        place(child, at, share);
      }
      at += share;
    }
  };
  place(top, 0, 1);
  return boxes;
}

// Bytes below boxes that fit; a box inside of one that fits is not counted again.
function bytesOf(node, fits) {
  if (fits(node)) return node.bytes;
  let sum = 0;
  for (const child of node.children.values()) sum += bytesOf(child, fits);
  return sum;
}

export const shareOf = (part, whole) => (whole ? `${Number(((part / whole) * 100).toPrecision(3))} %` : "0 %");

// -- the picture

const ROW = 22;
const LEAST_PX = 3;
export const HEAP = { all: "all that lives", own: "allocated by this line itself" };

// frames: [file, line, function, is it a library's]; amount: from bytes to words; told: hears of the box that is
// looked at; moved: hears where the picture begins.
export function flame(graph, { frames, stacks }, { page, amount, told, moved, words = HEAP }) {
  const root = buildTree(stacks);
  let top = root;
  let focused = root;
  let sought = "";

  const nameOf = (node) => {
    if (node.frame < 0) return words.all;
    const [file, line, name] = frames[node.frame];
    return file ? `${name}  ${file}:${line}` : name;
  };
  const fits = (node) => {
    if (!sought || node.frame < 0) return false;
    const [file, line, name] = frames[node.frame];
    return `${file}:${line} ${name}`.toLowerCase().includes(sought);
  };
  const hueOf = (node) => {
    let hash = 7;
    for (const letter of node.frame < 0 ? "all" : frames[node.frame][0]) hash = (hash * 31 + letter.codePointAt(0)) % 3600;
    return hash / 10;
  };
  const wordsOf = (node) =>
    `${nameOf(node)}: ${amount(node.bytes)}, ${shareOf(node.bytes, root.bytes)} of all, ${node.samples.toLocaleString("en")} samples` +
    (node.own ? `, ${amount(node.own)} ${words.own}` : "");
  const partOf = (node) => [...graph.children].find((part) => part.node === node);

  function draw() {
    const boxes = layOut(top, LEAST_PX / (graph.clientWidth || 1000));
    graph.textContent = "";
    graph.style.height = `${(Math.max(...boxes.map((box) => box.node.depth)) + 1) * ROW}px`;
    for (const { node, left, width } of boxes) {
      const part = page.createElement("button");
      part.type = "button";
      part.className = "box";
      part.classList.toggle("library", node.frame >= 0 && frames[node.frame][3]);
      part.classList.toggle("dim", node.depth < top.depth);
      part.classList.toggle("hit", fits(node));
      part.style.cssText = `left:${left * 100}%;width:${width * 100}%;top:${node.depth * ROW}px;--hue:${hueOf(node)}`;
      part.textContent = `${nameOf(node)} (${amount(node.bytes)})`;
      part.title = wordsOf(node);
      part.setAttribute("role", "treeitem");
      part.setAttribute("aria-level", String(node.depth + 1));
      part.setAttribute("aria-label", wordsOf(node));
      part.tabIndex = node === focused ? 0 : -1;
      part.node = node;
      graph.append(part);
    }
    if (!boxes.some((box) => box.node === focused)) partOf(top).tabIndex = 0;
    moved(top);
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

  // What it found, in bytes; null where nothing is sought.
  function search(text) {
    sought = text.trim().toLowerCase();
    for (const part of graph.children) part.classList.toggle("hit", fits(part.node));
    return sought ? bytesOf(root, fits) : null;
  }

  function beside(node, step) {
    const row = node.parent ? byBytes(node.parent) : [node];
    return row[row.indexOf(node) + step] || node;
  }

  const KEYS = {
    ArrowUp: (node) => focus(node.parent),
    ArrowDown: (node) => focus(byBytes(node)[0]),
    ArrowLeft: (node) => focus(beside(node, -1)),
    ArrowRight: (node) => focus(beside(node, 1)),
    Home: () => focus(root),
  };
  const heard = {
    click: (part) => zoom(part.node),
    mouseover: (part) => told(wordsOf(part.node)),
    focusin: (part) => told(wordsOf(part.node)),
    keydown: (part, event) => {
      const act = KEYS[event.key];
      if (act) {
        event.preventDefault();
        act(part.node);
      }
    },
  };
  for (const [kind, hear] of Object.entries(heard)) {
    graph.addEventListener(kind, (event) => {
      const part = event.target.closest(".box");
      if (part) hear(part, event);
    });
  }
  draw();
  return { root, draw, zoom, search, out: () => top.parent && zoom(top.parent), whole: () => zoom(root) };
}

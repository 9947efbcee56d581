// Writes our part of the page as it travels, into static/lean: no comments, no indentation, short local names. Each file
// stays a module of its own. Beside them stands of which sources they were made, so that what is stale is never served.
//
//   node lean.js STATIC MINIFIER

"use strict";
const fs = require("fs");
const path = require("path");
const { createHash } = require("crypto");

const [folder, minifier] = process.argv.slice(2);
const out = path.join(folder, "lean");
const hashed = (text) => createHash("sha256").update(text).digest("hex");

// What Python's `lean` does: lines that are only a comment, and indentation, stay at home.
const bare = (text) => text.split("\n").map((line) => line.trim()).filter((line) => !line.startsWith("//")).join("\n");

// A component that is used once must not be moved to where it is used: it would be another one at each drawing, and
// what it keeps would be lost.
const STAYS = { reduce_vars: false, reduce_funcs: false, collapse_vars: false, inline: false };

function script(text, name) {
  const made = require(path.resolve(minifier)).minify({ [name]: bare(text) }, { module: true, compress: { passes: 2, ...STAYS } });
  if (made.error) throw made.error;
  if (/<\/?\$\{(?![\w$]+\})/.test(made.code)) throw new Error(`${name}: a component has become an expression`);
  return made.code.replace(/([>}])\n(?=<|\$\{)/g, "$1"); // between the tags of a template it means nothing
}

const style = (text) =>
  bare(text.replace(/\/\*[^]*?\*\//g, ""))
    .replace(/\n+/g, "")
    .replace(/\s*([{};,])\s*/g, "$1")
    .replace(/: /g, ":")
    .replace(/;}/g, "}");

const sources = ["", "views"].flatMap((place) =>
  fs.readdirSync(path.join(folder, place)).filter((name) => /\.(js|css)$/.test(name)).map((name) => path.posix.join(place, name)));
const texts = new Map(sources.sort().map((name) => [name, fs.readFileSync(path.join(folder, name), "utf8")]));
const list = [`${hashed(fs.readFileSync(__filename))}  lean.js`, ...[...texts].map(([name, text]) => `${hashed(text)}  ${name}`)].join("\n") + "\n";
const listed = path.join(out, "sources.txt");
if (fs.existsSync(listed) && fs.readFileSync(listed, "utf8") === list) process.exit(0);
fs.rmSync(out, { recursive: true, force: true });
for (const [name, text] of texts) {
  const target = path.join(out, name);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  fs.writeFileSync(target, name.endsWith(".css") ? style(text) : script(text, name));
}
fs.writeFileSync(listed, list);

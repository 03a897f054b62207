// Lists the latest events and shows one. Everything captured is put on the page as text, never as markup.

const PAGE = 100;
const EVERY_MS = 3000;

const element = (id) => document.getElementById(id);
let older = null;
let paging = false;

async function askText(path) {
  const reply = await fetch(path);
  const text = await reply.text();
  if (reply.ok) return text;
  let said;
  try { said = JSON.parse(text).error; } catch { /* No sentence of ours: the status has to do. */ }
  throw new Error(said ?? `the collector answered ${reply.status}`);
}

async function ask(path) {
  return JSON.parse(await askText(path));
}

// JSON with line breaks, every value as it was written: parsing it would round long numbers, merge repeated names, and
// fail on what is nested very deep. Strings are skipped whole, so what is in them is never mistaken for structure.
function indented(json) {
  const DEEPEST = 16; // Beyond it lines move no further to the right: their blanks would outweigh the text.
  const out = [];
  let depth = 0;
  const line = () => "\n" + "  ".repeat(Math.min(depth, DEEPEST));
  for (let at = 0; at < json.length; at += 1) {
    const sign = json[at];
    if (sign === '"') {
      const start = at;
      for (at += 1; at < json.length && json[at] !== '"'; at += 1) if (json[at] === "\\") at += 1;
      out.push(json.slice(start, at + 1));
    } else if (sign === "{" || sign === "[") {
      const rest = /\S/g;
      rest.lastIndex = at + 1;
      const next = rest.exec(json);
      if (next && (next[0] === "}" || next[0] === "]")) {
        out.push(sign, next[0]);
        at = next.index;
      } else {
        depth += 1;
        out.push(sign, line());
      }
    } else if (sign === "}" || sign === "]") {
      depth -= 1;
      out.push(line(), sign);
    } else if (sign === ",") {
      out.push(sign, line());
    } else if (sign === ":") {
      out.push(": ");
    } else if (!/\s/.test(sign)) {
      out.push(sign);
    }
  }
  return out.join("");
}

function cell(text, className) {
  const td = document.createElement("td");
  td.textContent = text ?? "";
  if (className) td.className = className;
  return td;
}

function row(event) {
  const tr = document.createElement("tr");
  tr.tabIndex = 0;
  const failed = event.status === null || event.status >= 400;
  tr.append(
    cell(event.time),
    cell(event.status ?? "none", failed ? "failed" : ""),
    cell(event.verb),
    cell(event.route),
    cell(event.duration_ms === null ? "" : `${event.duration_ms} ms`),
    cell(event.user_id),
    cell(event.company_id),
  );
  const open = () => show(event.id).catch(complain);
  tr.addEventListener("click", open);
  tr.addEventListener("keydown", (key) => key.key === "Enter" && open());
  return tr;
}

async function show(id) {
  element("document").textContent = indented(await askText(`/api/events/${id}`));
  element("detail").hidden = false;
}

function complain(error) {
  element("summary").textContent = `Cannot load: ${error.message}`;
}

async function latest() {
  const [list, stats] = await Promise.all([ask(`/api/events?limit=${PAGE}`), ask("/api/stats")]);
  element("summary").textContent = `${stats.events} events, ${stats.users} users, ${stats.companies} companies`;
  if (paging) return;
  element("events").replaceChildren(...list.events.map(row));
  older = list.next;
  element("more").hidden = older === null;
}

async function more() {
  if (older === null) return;
  paging = true; // The list stays where its reader is instead of jumping back to the newest.
  element("more").disabled = true; // A second click would add the same page again.
  try {
    const list = await ask(`/api/events?limit=${PAGE}&cursor=${encodeURIComponent(older)}`);
    element("events").append(...list.events.map(row));
    older = list.next;
    element("more").hidden = older === null;
  } finally {
    element("more").disabled = false;
  }
}

async function follow() {
  if (!document.hidden) await latest().catch(complain);
  setTimeout(follow, EVERY_MS);
}

element("more").addEventListener("click", () => more().catch(complain));
element("close").addEventListener("click", () => { element("detail").hidden = true; });
follow();

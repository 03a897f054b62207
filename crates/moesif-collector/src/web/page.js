// Lists the latest events and shows one. Captured data is inserted as text, never as HTML.

const PAGE_SIZE = 100;
const REFRESH_MS = 3000;

const element = (id) => document.getElementById(id);
let nextCursor = null; // Where the next page of older events begins.
let hasOlderPages = false;

async function fetchText(path) {
  const reply = await fetch(path);
  const text = await reply.text();
  if (reply.ok) return text;
  let message;
  try { message = JSON.parse(text).error; } catch { /* Not an error reply of the collector. */ }
  throw new Error(message ?? `the collector answered ${reply.status}`);
}

async function fetchJson(path) {
  return JSON.parse(await fetchText(path));
}

// Adds line breaks to JSON text and keeps every value as it was written. A parser would round long numbers, merge
// repeated names and fail on very deep nesting. Strings are copied as a whole, because they may contain brackets.
function indent(json) {
  const MAX_INDENT = 16; // Deeper lines are not indented further: the spaces would be longer than the text.
  const out = [];
  let depth = 0;
  const lineBreak = () => "\n" + "  ".repeat(Math.min(depth, MAX_INDENT));
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at];
    if (character === '"') {
      const start = at;
      for (at += 1; at < json.length && json[at] !== '"'; at += 1) if (json[at] === "\\") at += 1;
      out.push(json.slice(start, at + 1));
    } else if (character === "{" || character === "[") {
      const rest = /\S/g;
      rest.lastIndex = at + 1;
      const next = rest.exec(json);
      if (next && (next[0] === "}" || next[0] === "]")) {
        out.push(character, next[0]);
        at = next.index;
      } else {
        depth += 1;
        out.push(character, lineBreak());
      }
    } else if (character === "}" || character === "]") {
      depth -= 1;
      out.push(lineBreak(), character);
    } else if (character === ",") {
      out.push(character, lineBreak());
    } else if (character === ":") {
      out.push(": ");
    } else if (!/\s/.test(character)) {
      out.push(character);
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
  const open = () => show(event.id).catch(showError);
  tr.addEventListener("click", open);
  tr.addEventListener("keydown", (key) => key.key === "Enter" && open());
  return tr;
}

async function show(id) {
  element("document").textContent = indent(await fetchText(`/api/events/${id}`));
  element("detail").hidden = false;
}

function showError(error) {
  element("summary").textContent = `Cannot load: ${error.message}`;
}

async function loadLatest() {
  const [list, stats] = await Promise.all([fetchJson(`/api/events?limit=${PAGE_SIZE}`), fetchJson("/api/stats")]);
  element("summary").textContent = `${stats.events} events, ${stats.users} users, ${stats.companies} companies`;
  if (hasOlderPages) return;
  element("events").replaceChildren(...list.events.map(row));
  nextCursor = list.next;
  element("more").hidden = nextCursor === null;
}

async function loadOlder() {
  if (nextCursor === null) return;
  hasOlderPages = true; // From now on the list is not refreshed: it must not jump back to the newest events.
  element("more").disabled = true; // A second click would add the same page twice.
  try {
    const list = await fetchJson(`/api/events?limit=${PAGE_SIZE}&cursor=${encodeURIComponent(nextCursor)}`);
    element("events").append(...list.events.map(row));
    nextCursor = list.next;
    element("more").hidden = nextCursor === null;
  } finally {
    element("more").disabled = false;
  }
}

async function refresh() {
  if (!document.hidden) await loadLatest().catch(showError);
  setTimeout(refresh, REFRESH_MS);
}

element("more").addEventListener("click", () => loadOlder().catch(showError));
element("close").addEventListener("click", () => { element("detail").hidden = true; });
refresh();

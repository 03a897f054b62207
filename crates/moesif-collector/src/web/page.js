// Lists the latest events and shows one. Everything captured is put on the page as text, never as markup.

const PAGE = 100;
const EVERY_MS = 3000;

const element = (id) => document.getElementById(id);
let older = null;
let paging = false;

async function ask(path) {
  const reply = await fetch(path);
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.error ?? `the collector answered ${reply.status}`);
  return body;
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
  const event = await ask(`/api/events/${id}`);
  element("document").textContent = JSON.stringify(event, null, 2);
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
  const list = await ask(`/api/events?limit=${PAGE}&cursor=${encodeURIComponent(older)}`);
  element("events").append(...list.events.map(row));
  older = list.next;
  element("more").hidden = older === null;
}

async function follow() {
  if (!document.hidden) await latest().catch(complain);
  setTimeout(follow, EVERY_MS);
}

element("more").addEventListener("click", () => more().catch(complain));
element("close").addEventListener("click", () => { element("detail").hidden = true; });
follow();

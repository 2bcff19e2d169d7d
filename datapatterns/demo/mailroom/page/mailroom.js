// The page: the chosen person, the inbox, and the desk.

import { Api, links } from "./api.js";
import { bars, el, gauge, initials, part, when } from "./drawing.js";

const $ = (id) => document.getElementById(id);
const KEPT = 100; // lines of a log
const SIZE = 6; // messages of a page

const api = new Api(showAnswer, showQuota);
let names = new Map(); // username -> name
let inboxPath = ""; // the page of the inbox that is shown
let around = {}; // the links of that page
let etag = ""; // the ETag of the person in the form "About you"

// --- logs and notices

function log(list, kind, title, text) {
  const time = new Date().toLocaleTimeString("en-GB");
  const line = el("li", { class: kind }, el("time", {}, time), el("b", {}, title), el("span", {}, text));
  list.prepend(line);
  while (list.children.length > KEPT) list.lastChild.remove();
}

function showAnswer({ method, path, status, headers, body }) {
  const what = status >= 400 ? `${body.code}: ${body.detail ?? body.title}` : "";
  log($("answers"), status >= 400 ? "bad" : "", status, `${method} ${path} ${what}`);
  const wait = headers.get("Retry-After");
  const when = wait ? ` (Retry-After: ${wait} seconds)` : "";
  if (status >= 400) notify(`${status} ${body.title}: ${body.detail ?? ""}${when}`);
}

let noticed;
function notify(text) {
  clearTimeout(noticed);
  $("notice").hidden = false;
  $("notice").textContent = text;
  noticed = setTimeout(() => ($("notice").hidden = true), 6000);
}

/** Return a function that runs `fn` soon, once for all calls in the meantime. */
function soon(fn, delay = 250) {
  let waiting;
  return () => {
    waiting ??= setTimeout(() => {
      waiting = undefined;
      fn().catch(() => {}); // the connection is lost: the event stream shows it and reconnects
    }, delay);
  };
}

// --- the quota

let refill;
function showQuota({ limit, window, remaining, retryAfter }) {
  const share = remaining / limit;
  $("gauge").className = `gauge ${remaining === 0 ? "out" : share < 0.34 ? "low" : ""}`;
  $("gauge").replaceChildren(gauge(remaining, limit));
  $("policy").textContent = retryAfter
    ? `Refused: the next request is admitted in ${retryAfter} s.`
    : `${limit} requests in any ${window} seconds. Charts, workers and events are not counted.`;
  clearTimeout(refill);
  const pause = retryAfter ? retryAfter * 1000 : 1000;
  if (remaining < limit) refill = setTimeout(() => readQuota().catch(() => {}), pause);
}

async function readQuota() {
  const { status, body } = await api.ask("GET", "/api/quota", { quiet: true });
  if (status === 200) showQuota({ ...body, retryAfter: Math.ceil(body.retry_after) });
}

// --- the inbox

async function readInbox(path = inboxPath) {
  const person = api.person;
  const answer = await api.ask("GET", path, { quiet: true });
  if (person !== api.person) return; // another person was chosen meanwhile
  if (answer.status !== 200) {
    showAnswer(answer);
    again(answer, () => person === api.person && readInbox(path));
    return;
  }
  inboxPath = path;
  around = links(answer.headers);
  const known = new Map([...$("inbox").children].map((line) => [line.dataset.id, line]));
  // Messages that are shown already keep their elements, so they stay open and focused.
  const lines = answer.body.items.map((m) => refresh(known.get(m.id) ?? letter(m, known.size), m));
  if (lines.some((line, at) => $("inbox").children[at] !== line) || lines.length !== known.size) {
    const focused = document.activeElement;
    $("inbox").replaceChildren(...lines);
    if (focused?.isConnected) focused.focus();
  }
  $("total").textContent = `${answer.body.total} messages`;
  $("empty").hidden = lines.length > 0;
  $("newer").disabled = !around.prev;
  $("older").disabled = !around.next;
}

/** After a 429 run `fn` when Retry-After is over. */
function again({ status, headers }, fn) {
  if (status === 429) setTimeout(fn, Number(headers.get("Retry-After")) * 1000);
}

function letter(message, before) {
  const sender = names.get(message.sender) ?? message.sender;
  return el("li", { "data-id": message.id, class: before ? "fresh" : null },
    el("details", {},
      el("summary", {},
        el("span", { class: "face", "aria-hidden": "true" }, initials(sender)),
        el("span", { class: "from" }, sender),
        el("time", { class: "when" }, when(message.sent_at)),
        el("span", { class: "subject" }, message.subject),
        el("span", { class: "chip" })),
      el("p", { class: "text" }, message.text)));
}

function refresh(line, message) {
  const chip = line.querySelector(".chip");
  const state = message.bounced ? "bounced" : message.notified_at ? "mailed" : "waiting";
  chip.className = `chip ${state}`;
  chip.textContent = state;
  return line;
}

// --- the desk

async function readDesk() {
  const { status, body } = await api.ask("GET", "/api/desk", { quiet: true });
  if (status !== 200) return;
  showPeople(body);
  $("stores").textContent = [...new Set(body.stores)].join(" + ");
  $("pages").textContent = `${body.pages} open ${body.pages === 1 ? "page" : "pages"}`;
  showCalendar("requests", "Requests by hour", body.requests);
  showCalendar("messages", "Messages by day", body.messages);
  showWriters(body.writers);
  showWorker(body);
  showLetters(body);
}

function showPeople({ people, counts, groups }) {
  names = new Map(people.map((person) => [person.username, person.name]));
  showChoice($("person"), people, api.person);
  const other = people.find(({ username }) => username !== api.person);
  showChoice($("recipient"), people, $("recipient").value || other?.username);
  const rows = new Map([...$("people").children].map((row) => [row.dataset.id, row]));
  for (const { username, name } of people) {
    const row = rows.get(username) ?? $("people").appendChild(personRow(username));
    row.cells[0].textContent = name;
    row.cells[1].textContent = counts[username] ?? 0;
    for (const box of row.querySelectorAll("input")) {
      box.checked = groups[box.dataset.group].includes(username);
      box.setAttribute("aria-label", `${name} is among the ${box.dataset.group}`);
    }
  }
  $("both").textContent = groups.both.length
    ? `both: ${groups.both.map((username) => names.get(username) ?? username).join(", ")}`
    : "nobody is both";
}

function showChoice(select, people, chosen) {
  if ([...select.options].map(({ value }) => value).join() !== [...names.keys()].join()) {
    select.replaceChildren(...people.map((p) => el("option", { value: p.username }, p.name)));
  }
  select.value = chosen;
}

function personRow(username) {
  const boxes = ["moderators", "paying"].map((group) => {
    const box = el("input", { type: "checkbox", "data-group": group });
    box.addEventListener("change", () => {
      const options = box.checked ? { body: {} } : {};
      api.ask(box.checked ? "PUT" : "DELETE", `/api/groups/${group}/${username}`, options);
    });
    return el("td", {}, box);
  });
  return el("tr", { "data-id": username }, el("td"), el("td"), ...boxes);
}

function showCalendar(id, label, { series, figures }) {
  $(id).replaceChildren(bars(series, label));
  const shown = { today: "today", month: "this month", year: "this year", total: "ever" };
  $(`${id}-figures`).replaceChildren(
    ...Object.entries(shown).map(([key, title]) =>
      el("div", {}, el("dt", {}, title), el("dd", {}, figures[key].toLocaleString("en-GB")))),
  );
}

function showWriters(writers) {
  const most = writers[0]?.score ?? 0;
  $("writers").replaceChildren(...writers.map(({ rank, player, score }) =>
    el("li", {}, el("span", { class: "place" }, rank), el("span", {}, player),
      part(score, most), el("b", {}, score))));
}

function showWorker({ workers, mails }) {
  const running = workers.running.notifier;
  $("state").textContent = running ? "running" : "killed";
  $("state").className = running ? "state running" : "state";
  $("lag").textContent = workers.lag;
  $("mailed").textContent = mails
    ? `${mails.arrived} mails arrived at the sink of this process.`
    : "The mails go to another mail server.";
  if (running && workers.lag) setTimeout(deskSoon, 1000);
  $("kill").disabled = !running;
  $("start").disabled = running;
}

function showLetters({ letters, mails }) {
  const depths = ["ready", "delayed", "leased", "dead"];
  const most = Math.max(5, ...depths.map((depth) => letters[depth]));
  $("queue").replaceChildren(...depths.map((depth) =>
    el("div", { class: "depth" }, el("span", {}, depth), part(letters[depth], most, depth),
      el("b", {}, letters[depth]))));
  $("dead").replaceChildren(...letters.letters.map((dead) =>
    el("li", {}, `${dead.id}: ${dead.error} (${dead.attempts} attempts)`)));
  $("requeue").disabled = letters.dead === 0;
  $("bouncing").disabled = !mails;
  if (mails) $("bouncing").checked = mails.bouncing;
}

// --- the chosen person

async function become(username) {
  if (!username) return; // no person has registered yet
  api.person = username;
  history.replaceState(null, "", `#${username}`);
  $("person").value = username;
  if ($("recipient").value === username) {
    $("recipient").value = [...names.keys()].find((name) => name !== username) ?? username;
  }
  $("inbox").replaceChildren();
  await Promise.all([readAbout(), readInbox(firstPage())]);
}

function firstPage() {
  return `/api/people/${api.person}/inbox?limit=${SIZE}`;
}

async function readAbout() {
  const person = api.person;
  const answer = await api.ask("GET", `/api/people/${person}`, { quiet: true });
  const { status, body, headers } = answer;
  if (person !== api.person) return;
  if (status !== 200) return again(answer, () => person === api.person && readAbout());
  etag = headers.get("ETag");
  $("etag").textContent = `ETag ${etag}`;
  $("about").elements.name.value = body.name;
  $("about").elements.motto.value = body.motto;
}

function patch(changes, match) {
  const headers = { "If-Match": match };
  return api.ask("PATCH", `/api/people/${api.person}`, { body: changes, headers });
}

// --- buttons and forms

function on(id, event, fn) {
  $(id).addEventListener(event, (happened) => {
    happened.preventDefault();
    fn(happened).catch(() => notify("The server does not answer."));
  });
}

on("person", "change", () => become($("person").value));
on("newer", "click", () => readInbox(around.prev));
on("older", "click", () => readInbox(around.next));
on("reread", "click", readAbout);

on("write", "submit", async () => {
  const form = $("write");
  // One key for each message, so that a request that is sent again sends no second message.
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const body = Object.fromEntries(new FormData(form));
  const { status } = await api.ask("POST", "/api/messages", { body, headers });
  if (status !== 201) return;
  form.elements.subject.value = form.elements.text.value = "";
  notify(`Sent to ${names.get(body.recipient)}.`);
});

on("about", "submit", async () => {
  const { status } = await patch(Object.fromEntries(new FormData($("about"))), etag);
  if (status === 200) {
    await readAbout();
    notify("Saved.");
  }
});

on("conflict", "click", async () => {
  const path = `/api/people/${api.person}`;
  const { headers, body } = await api.ask("GET", path);
  const read = headers.get("ETag");
  const motto = `Edited at ${new Date().toLocaleTimeString("en-GB")}`;
  await patch({ motto }, read); // the first editor saves
  await patch({ motto: "Too late" }, read); // 412: the second editor has read the same revision
  await api.ask("PUT", path, { body: { ...body, motto: "Too late" } }); // 409, without If-Match
  await readAbout();
});

on("exceed", "click", async () => {
  const path = `/api/people/${api.person}`;
  const asked = Array.from({ length: 40 }, () => api.ask("GET", path, { quiet: true }));
  const answers = await Promise.all(asked);
  const refused = answers.filter(({ status }) => status === 429);
  const passed = answers.filter(({ status }) => status === 200);
  log($("answers"), "", 200, `GET ${path}, ${passed.length} times`);
  if (refused.length) showAnswer(refused[0]);
});

on("taken", "click", () => register(api.person));
on("register", "submit", async () => {
  const form = $("register");
  const username = form.elements.username.value;
  const { status } = await register(username);
  if (status !== 201) return;
  form.reset();
  await readDesk();
  if (!api.person) await become(username);
});

function register(username) {
  const name = username[0].toUpperCase() + username.slice(1);
  const body = { username, name, email: `${username}@mailroom.example` };
  return api.ask("POST", "/api/people", { body });
}

on("burst", "click", async () => {
  const others = [...names.keys()].filter((name) => name !== api.person);
  for (let number = 1; number <= 5; number += 1) {
    const recipient = others[number % others.length] ?? api.person;
    const body = { recipient, subject: `Letter ${number} of 5`, text: "Written by a button." };
    const { status } = await api.ask("POST", "/api/messages", { body });
    if (status !== 201) return;
  }
});

on("kill", "click", () => api.ask("POST", "/api/workers/notifier/kill", { body: {} }));
on("start", "click", () => api.ask("POST", "/api/workers/notifier/start", { body: {} }));
on("requeue", "click", () => api.ask("POST", "/api/letters/requeue", { body: {} }));
on("bouncing", "change", () =>
  api.ask("PUT", "/api/mails", { body: { bouncing: $("bouncing").checked } }));

// --- live events

const deskSoon = soon(readDesk);
const inboxSoon = soon(() => readInbox(), 600);
const HEARD = ["message.new", "message.notified", "message.bounced", "person.registered", "person.edited",
  "group.joined", "group.left", "letter.sent", "letter.refused", "letter.requeued",
  "worker.killed", "worker.started"];

function listen() {
  const events = new EventSource("/api/events");
  const line = (open, text) => {
    $("line").classList.toggle("open", open);
    $("line").lastChild.textContent = text;
  };
  events.addEventListener("hello", () => {
    line(true, "live");
    catchUp(); // events during the time without a connection are lost
  });
  events.addEventListener("gap", catchUp);
  events.addEventListener("error", () => line(false, "connecting again"));
  for (const name of HEARD) {
    events.addEventListener(name, ({ data }) => hear(name, JSON.parse(data)));
  }
}

function catchUp() {
  deskSoon();
  if (api.person) inboxSoon();
}

function hear(name, payload) {
  const text = Object.entries(payload)
    .filter(([key]) => key !== "id")
    .map(([key, value]) => `${key}: ${value}`);
  log($("events"), name.match(/killed|refused|bounced/) ? "bad" : "", name, text.join(", "));
  deskSoon();
  if (payload.recipient === api.person) inboxSoon();
  if (name === "message.new" && payload.recipient === api.person) {
    notify(`New message from ${names.get(payload.sender)}: ${payload.subject}`);
  }
}

await readDesk();
const asked = location.hash.slice(1);
await become(names.has(asked) ? asked : names.keys().next().value ?? "");
listen();
setInterval(() => readDesk().catch(() => {}), 10_000); // requests and lag have no events

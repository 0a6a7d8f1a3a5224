"use strict";
const kind = document.body.dataset.kind;
const main = document.querySelector("main");
const search = document.querySelector("header input");
const dialog = document.querySelector("dialog");
let data = {};
let shownBefore = {};

const text = (value) => value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
const time = (value) => value ? new Date(/Z|[+-]\d\d:\d\d$/.test(value) ? value : value + "Z").toLocaleTimeString() : "";
const names = (ids) => (ids || []).map((id) => ((data.segments || []).find((one) => one.id === id) || {}).name || id).join(", ");
const make = (tag, parent, content, name) => {
  const element = document.createElement(tag);
  if (content !== undefined) element.textContent = text(content);
  if (name) element.className = name;
  parent.append(element);
  return element;
};

// What each remote shows: title, is it half as wide, columns (title, value, class), and what a click on a row opens.
const tables = {
  close: {
    leads: { title: "Leads", add: () => editLead({ contacts: [] }), open: editLead, columns: [
      ["Name", (one) => one.display_name], ["Web address", (one) => one.url], ["Status", (one) => one.status_label],
      ["Contacts", (one) => one.contacts.map((person) => person.display_name).join(", ")],
      ["Updated", (one) => time(one.date_updated), "time"], ["Id", (one) => one.id, "id"]] },
    events: { title: "Last events", half: true, columns: [
      ["When", (one) => time(one.date_updated), "time"], ["What", (one) => one.object_type + " " + one.action],
      ["By", (one) => one.api_key_id ? "an API key" : "a person"], ["Fields", (one) => one.changed_fields.join(", ")]] },
    requests: { title: "Last requests", half: true, columns: [
      ["Method", (one) => one.method], ["Path", (one) => one.path], ["Answer", (one) => one.status || "none"]] },
  },
  hull: {
    accounts: { title: "Accounts", add: () => editEntity("account", {}), open: (one) => editEntity("account", one), columns: [
      ["Name", (one) => one.name], ["Domain", (one) => one.domain], ["Segments", (one) => names(one.segment_ids)],
      ["Lead in Close", (one) => one["closeio/id"], "id"], ["Status in Close", (one) => one["closeio/status"]],
      ["Id", (one) => one.id, "id"]] },
    users: { title: "Users", add: () => editEntity("user", {}), open: (one) => editEntity("user", one), columns: [
      ["Name", (one) => one.name], ["E-mail", (one) => one.email],
      ["Account", (one) => ((data.accounts || {})[one.account_id] || {}).name || one.account_id],
      ["Contact in Close", (one) => one["traits_closeio/id"], "id"], ["Id", (one) => one.id, "id"]] },
    firehose: { title: "Last messages from the connector", half: true, columns: [
      ["When", (one) => time(one.at), "time"], ["For", (one) => Object.values(one.claims).join(", ")],
      ["Attributes", (one) => Object.entries(one.attributes).map(([name, value]) => name + " = " + text(value)).join("; ")]] },
    log: { title: "What Hull dropped or merged", half: true, columns: [
      ["When", (one) => time(one.at), "time"], ["What", (one) => one.message], ["Why", (one) => one.reason || text(one)]] },
  },
}[kind];

// ── Frame ──

const counts = make("div", main, undefined, "counts");
const bodies = {};
for (const [name, table] of Object.entries(tables)) {
  const section = make("section", main, undefined, table.half ? "half" : "");
  const title = make("h2", section);
  make("span", title, table.title);
  if (table.add) make("button", title, "Add").addEventListener("click", table.add);
  const frame = make("table", make("div", section, undefined, "scroll"));
  const row = make("tr", make("thead", frame));
  table.columns.forEach((column) => make("th", row, column[0]));
  bodies[name] = make("tbody", frame);
}

function draw() {
  counts.replaceChildren();
  for (const [name, number] of Object.entries(data.counts || {})) {
    const count = make("div", counts, undefined, "count");
    make("b", count, number.toLocaleString());
    make("span", count, name);
  }
  for (const [name, table] of Object.entries(tables)) drawTable(name, table);
}

function drawTable(name, table) {
  const wanted = search.value.toLowerCase();
  const before = shownBefore[name];
  const now = new Map();
  bodies[name].replaceChildren();
  for (const one of Object.values(data[name] || {}).slice(0, 200)) {
    const cells = table.columns.map((column) => text(column[1](one)));
    if (!cells.join(" ").toLowerCase().includes(wanted)) continue;
    const row = make("tr", bodies[name], undefined, table.open ? "open" : "");
    cells.forEach((cell, index) => make("td", row, cell, table.columns[index][2]));
    const key = one.id || cells.join("|");
    now.set(key, cells.join("|"));
    if (before && before.get(key) !== now.get(key)) row.classList.add("fresh");
    if (!table.open) continue;
    row.tabIndex = 0;
    row.addEventListener("click", () => table.open(one));
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") table.open(one); });
  }
  shownBefore[name] = wanted ? undefined : now;
}

async function load() {
  try {
    data = await (await fetch("/_sandbox/data?brief=1&search=" + encodeURIComponent(search.value))).json();
    draw();
  } catch (error) { /* the sandbox is not there just now; the next look may find it */ }
}

// ── A record in a dialog ──

async function send(method, path, body) {
  const answer = await fetch("/_sandbox" + path, {
    method, headers: { "content-type": "application/json" }, body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(JSON.stringify(await answer.json(), null, 1));
}

function openForm(title, save, remove) {
  dialog.replaceChildren();
  const form = make("form", dialog);
  make("h3", form, title).id = "what";
  const fields = make("div", form);
  fields.style.display = "contents";
  const error = make("p", form, "", "error");
  error.setAttribute("role", "alert");
  const footer = make("footer", form);
  const attempt = (act) => async (event) => {
    event.preventDefault();
    try { await act(); dialog.close(); await load(); } catch (problem) { error.textContent = problem.message; }
  };
  if (remove) {
    const button = make("button", footer, "Delete", "bad");
    button.type = "button";
    button.addEventListener("click", attempt(remove));
  }
  const cancel = make("button", footer, "Cancel");
  cancel.type = "button";
  cancel.addEventListener("click", () => dialog.close());
  make("button", footer, "Save", "main");
  form.addEventListener("submit", attempt(save));
  dialog.showModal();
  return fields;
}

let number = 0;
function input(fields, title, value, options) {
  number += 1;
  const label = make("label", fields, title);
  const element = make(options ? "select" : "input", fields);
  (options || []).forEach(([key, shown]) => { make("option", element, shown).value = key; });
  element.value = text(value);
  element.id = label.htmlFor = "field-" + number;
  element.dataset.before = element.value;
  return element;
}
const isChanged = (element) => element.value !== element.dataset.before;

function editLead(lead) {
  const held = {}, people = [];
  const fields = openForm(lead.id ? lead.display_name : "A new lead", async () => {
    const body = {};
    for (const [name, element] of Object.entries(held)) if (isChanged(element)) body[name] = typed(name, element.value);
    if (!lead.id) {
      const person = people[0];
      if (person.name.value || person.email.value) body.contacts = [contactBody(person)];
      return send("POST", "/rep/lead", body);
    }
    if (Object.keys(body).length) await send("PUT", "/rep/lead/" + lead.id, body);
    for (const person of people) await savePerson(lead.id, person);
  }, lead.id && (() => send("DELETE", "/rep/lead/" + lead.id)));
  held.name = input(fields, "Name", lead.name);
  held.url = input(fields, "Web address", lead.url);
  held.description = input(fields, "Description", lead.description);
  held.status_id = input(fields, "Status", lead.status_id || data.statuses[0].id, data.statuses.map((one) => [one.id, one.label]));
  for (const field of data.custom_fields.filter((one) => isOf(one, "lead")))
    held["custom." + field.id] = customInput(fields, field, lead["custom." + field.id]);
  for (const person of [...lead.contacts, {}]) people.push(personInputs(fields, person));
}

const isOf = (field, object) => field.is_shared ? (field.associations || []).some((one) => one.object_type === object) : (field.objects || [object]).includes(object);
function customInput(fields, field, value) {
  const choices = field.type === "choices" && !field.accepts_multiple_values;
  return input(fields, field.name, value, choices ? [["", ""], ...field.choices.map((one) => [one, one])] : undefined);
}
function typed(name, value) {
  const field = data.custom_fields.find((one) => "custom." + one.id === name);
  if (!field) return value;
  if (value === "") return null;
  if (field.type === "number") return Number(value);
  return field.accepts_multiple_values ? JSON.parse(value) : value;
}

function personInputs(fields, person) {
  make("h3", fields, person.id ? "Contact " + person.display_name : "A new contact", "small");
  const first = (list, key) => ((person[list] || [])[0] || {})[key];
  return {
    person, name: input(fields, "Name", person.name), title: input(fields, "Title", person.title),
    email: input(fields, "E-mail", first("emails", "email")), phone: input(fields, "Phone", first("phones", "phone")),
  };
}
const replacedFirst = (list, key, value) => {
  const rest = (list || []).map((one) => ({ [key]: one[key], type: one.type }));
  return value ? [{ ...(rest[0] || {}), [key]: value }, ...rest.slice(1)] : rest.slice(1);
};
function contactBody({ person, name, title, email, phone }) {
  const body = {};
  if (isChanged(name)) body.name = name.value;
  if (isChanged(title)) body.title = title.value;
  if (isChanged(email)) body.emails = replacedFirst(person.emails, "email", email.value);
  if (isChanged(phone)) body.phones = replacedFirst(person.phones, "phone", phone.value);
  return body;
}
async function savePerson(leadId, held) {
  const body = contactBody(held);
  if (!Object.keys(body).length) return;
  if (held.person.id) await send("PUT", "/rep/contact/" + held.person.id, body);
  else await send("POST", "/rep/contact", { ...body, lead_id: leadId });
}

const KEPT_BY_HULL = ["id", "anonymous_ids", "segment_ids", "indexed_at", "account_id", "created_at"];
function editEntity(object, one) {
  const held = {};
  const fields = openForm(one.id ? one.name || one.email || one.id : "A new " + object, async () => {
    const body = {};
    for (const [name, element] of Object.entries(held)) if (isChanged(element)) body[name] = parsed(element.value);
    if (added.value) body[added.value] = parsed(value.value);
    if (account && isChanged(account)) body.account_id = account.value || null;
    if (Object.keys(body).length) await send("POST", "/" + object + (one.id ? "/" + one.id : ""), body);
  }, one.id && (() => send("DELETE", "/" + object + "/" + one.id)));
  const first = object === "account" ? ["name", "domain"] : ["name", "email"];
  for (const name of [...first, ...Object.keys(one).filter((key) => !first.includes(key) && !KEPT_BY_HULL.includes(key))])
    held[name] = input(fields, name.replace(/^traits_/, ""), one[name]);
  const account = object === "user" && !one.id ? input(fields, "id of the account", "") : null;
  make("h3", fields, "Another attribute", "small");
  const added = input(fields, "its name", ""), value = input(fields, "its value", "");
}
function parsed(value) {
  if (value === "") return null;
  try { return JSON.parse(value); } catch (error) { return value; }
}

// ── Moods ──

async function moods() {
  const section = make("section", main);
  make("span", make("h2", section), "Moods: how slow, late and unreliable this remote is");
  const form = make("form", section, undefined, "moods");
  const preset = make("select", form);
  preset.setAttribute("aria-label", "Ready-made moods");
  const spec = make("textarea", form);
  spec.rows = 2;
  spec.setAttribute("aria-label", "Moods");
  make("button", form, "Apply", "main");
  const told = make("p", form, "");
  told.setAttribute("role", "status");
  const show = async (answer) => {
    const found = await answer.json();
    if (!answer.ok) { told.textContent = found.error || text(found); return; }
    if (!preset.options.length) Object.entries(found.presets).forEach(([name, value]) => { make("option", preset, name).value = value; });
    spec.value = found.text;
    preset.value = found.text;
    told.textContent = found.rules.length ? found.rules.map((one) => one.rule + ": met " + one.met + " times").join("; ")
      : "For example: latency=80ms..2s, POST /lead/=drop_after@0.05, * .*=status:429@0.01x20, event_lag=0s..60s";
  };
  preset.addEventListener("change", () => { spec.value = preset.value; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await show(await fetch("/_sandbox/moods", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ moods: spec.value }) }));
  });
  await show(await fetch("/_sandbox/moods"));
}

search.addEventListener("input", load);
moods();
load();
setInterval(() => { if (!dialog.open) load(); }, 2000);

"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const BAD = "fu", ROW = 22, SPARE = 12;
  const letterOf = Object.fromEntries(Object.entries(data.letters).map(([letter, status]) => [status, letter]));
  const at = (id) => document.getElementById(id);
  // Everything from the run is set as text, never as markup.
  const make = (tag, text = "", kind = "") => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (kind) node.className = kind;
    return node;
  };
  const seconds = (value) => value < 1 ? `${Math.round(value * 1000)} ms` : value < 60 ? `${value.toFixed(1)} s`
    : value < 3600 ? `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`
    : `${Math.floor(value / 3600)} h ${Math.floor(value / 60 % 60)} min`;
  const detailsOf = (host, task) => (data.details[`${host}:${task}`] || []).map((number) => data.texts[number]);
  const state = { only: "", words: "", hosts: [], tasks: [] };

  function theme() {
    const root = document.documentElement;
    const preferred = matchMedia("(prefers-color-scheme: dark)");
    const use = (dark) => { root.dataset.theme = dark ? "dark" : "light"; };
    use(preferred.matches);
    preferred.addEventListener("change", (event) => use(event.matches));
    at("theme").addEventListener("click", () => use(root.dataset.theme !== "dark"));
  }

  function heading() {
    const run = data.run;
    const what = run.planned ? "Plan" : "Run";
    at("title").textContent = `${what} of ${run.playbooks.join(", ") || run.command}`;
    document.title = `${at("title").textContent}: ${run.headline}`;
    at("headline").textContent = run.error ? `${run.headline}. It stopped: ${run.error}` : run.headline;
    at("headline").classList.toggle("bad", Boolean(run.error) || data.cells.some((row) => /[fu]/.test(row)));
    const facts = { began: new Date(run.began * 1000).toLocaleString(), took: seconds(run.elapsed),
      hosts: data.hosts.length, tasks: data.tasks.length, command: run.command, run: run.id.slice(0, 8) };
    for (const [name, value] of Object.entries(facts)) {
      const pair = make("div");
      pair.append(make("dt", name), make("dd", String(value)));
      at("facts").append(pair);
    }
  }

  function failures() {
    const alike = new Map();
    data.cells.forEach((row, host) => [...row].forEach((letter, task) => {
      if (!BAD.includes(letter)) return;
      const found = detailsOf(host, task).find((one) => BAD.includes(letterOf[one.status])) || {};
      const key = `${task} ${found.msg || ""}`;
      if (!alike.has(key)) alike.set(key, { task, host, msg: found.msg || "", hosts: [] });
      alike.get(key).hosts.push(data.hosts[host]);
    }));
    for (const one of alike.values()) {
      const names = one.hosts.length > 3 ? `${one.hosts.slice(0, 3).join(", ")} and ${one.hosts.length - 3} more` : one.hosts.join(", ");
      const item = make("li"), button = make("button", `${names}: ${data.tasks[one.task].name}`);
      button.type = "button";
      button.addEventListener("click", () => showCell(one.host, one.task));
      item.append(button, make("div", one.msg.split("\n")[0], "soft"));
      at("failure-list").append(item);
    }
    at("failures").hidden = !alike.size;
  }

  function filters() {
    const counts = {};
    for (const row of data.cells) for (const letter of new Set(row)) counts[letter] = (counts[letter] || 0) + 1;
    const add = (only, text) => {
      const button = make("button", text);
      button.type = "button";
      button.dataset.only = only;
      button.addEventListener("click", () => { state.only = state.only === only ? "" : only; select(); });
      at("filters").append(button);
    };
    add("", `all ${data.hosts.length}`);
    for (const [letter, status] of Object.entries(data.letters)) if (counts[letter]) add(letter, `${status} ${counts[letter]}`);
    at("search").addEventListener("input", (event) => { state.words = event.target.value.trim().toLowerCase(); select(); });
    for (const [letter, status] of Object.entries(data.letters)) {
      if (!counts[letter]) continue;
      const entry = make("span");
      entry.append(make("i", "", letter), status);
      at("legend").append(entry);
    }
  }

  function select() {
    const words = state.words;
    const tasks = data.tasks.map((_, number) => number).filter((number) => words && data.tasks[number].name.toLowerCase().includes(words));
    const named = data.hosts.map((_, number) => number).filter((number) => !words || data.hosts[number].toLowerCase().includes(words));
    state.tasks = tasks.length ? tasks : data.tasks.map((_, number) => number);
    state.hosts = (tasks.length && !named.length ? data.hosts.map((_, number) => number) : named)
      .filter((number) => !state.only || state.tasks.some((task) => data.cells[number][task] === state.only));
    for (const button of at("filters").children) button.setAttribute("aria-pressed", String(button.dataset.only === state.only));
    at("shown").textContent = `${state.hosts.length} of ${data.hosts.length} hosts, ${state.tasks.length} of ${data.tasks.length} tasks`;
    at("rows").style.height = `${state.hosts.length * ROW}px`;
    at("rows").style.width = `calc(15rem + ${state.tasks.length * 24}px)`;
    heads();
    at("matrix").scrollTop = 0;
    const wanted = state.tasks.findIndex((task) => state.only && state.hosts.some((host) => data.cells[host][task] === state.only));
    at("matrix").scrollLeft = Math.max(0, (wanted - 3) * 24);
    draw();
  }

  function heads() {
    at("heads").replaceChildren(make("span", "host", "name"));
    for (const task of state.tasks) {
      const head = make("button", String(task + 1), "head");
      head.type = "button";
      head.title = data.tasks[task].name;
      head.setAttribute("aria-label", `Task ${task + 1}: ${data.tasks[task].name}`);
      head.addEventListener("click", () => showTask(task));
      at("heads").append(head);
    }
  }

  // Only the rows in sight exist, so that a thousand hosts are as quick as ten.
  function draw() {
    const box = at("matrix"), rows = at("rows");
    const first = Math.max(0, Math.floor(box.scrollTop / ROW) - SPARE);
    const last = Math.min(state.hosts.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + SPARE);
    const drawn = [];
    for (let place = first; place < last; place += 1) drawn.push(row(state.hosts[place], place));
    rows.replaceChildren(...drawn);
  }

  function row(host, place) {
    const line = make("div", "", "row");
    line.style.transform = `translateY(${place * ROW}px)`;
    const name = make("button", data.hosts[host], "name");
    name.type = "button";
    name.dataset.host = host;
    line.append(name);
    for (const task of state.tasks) {
      const letter = data.cells[host][task];
      const cell = make(letter === "-" ? "span" : "button", "", "cell");
      if (letter !== "-") {
        cell.type = "button";
        cell.dataset.host = host;
        cell.dataset.task = task;
        const status = data.letters[letter];
        cell.title = `${data.hosts[host]}, ${data.tasks[task].name}: ${status}`;
        cell.setAttribute("aria-label", cell.title);
        cell.append(make("i", BAD.includes(letter) ? "!" : "", letter));
      }
      line.append(cell);
    }
    return line;
  }

  function open(title, nodes) {
    at("detail-title").textContent = title;
    at("detail-body").replaceChildren(...nodes);
    at("detail").hidden = false;
    at("detail").scrollIntoView({ block: "nearest" });
  }

  function showHost(host) {
    const nodes = [...data.cells[host]].flatMap((letter, task) => letter === "-" ? [] : [result(host, task, data.tasks[task].name)]);
    open(data.hosts[host], nodes);
  }

  function showTask(task) {
    const about = data.tasks[task];
    const kind = make("p", [about.play, about.role, about.module, about.where].filter(Boolean).join(" · "), "soft");
    const order = Object.keys(data.letters).reverse().join("");
    const hosts = data.hosts.map((_, number) => number).filter((number) => data.cells[number][task] !== "-")
      .sort((one, other) => order.indexOf(data.cells[one][task]) - order.indexOf(data.cells[other][task]));
    const shown = hosts.slice(0, 200).map((host) => result(host, task, data.hosts[host]));
    if (hosts.length > 200) shown.push(make("p", `and ${hosts.length - 200} more`, "soft"));
    open(`Task ${task + 1}: ${about.name}`, [kind, ...shown]);
  }

  function showCell(host, task) {
    const about = data.tasks[task];
    const kind = make("p", [about.play, about.role, about.module, about.where].filter(Boolean).join(" · "), "soft");
    open(`${data.hosts[host]}: ${about.name}`, [kind, result(host, task, data.tasks[task].module)]);
  }

  function result(host, task, title) {
    const node = make("div", "", "result");
    const letter = data.cells[host][task];
    const line = make("div");
    line.append(make("span", data.letters[letter], `badge ${letter}`), " ", make("strong", title), " ", make("span", data.tasks[task].where, "soft"));
    node.append(line, ...detailsOf(host, task).flatMap(detail));
    return node;
  }

  function detail(one) {
    const nodes = [];
    const say = (text, kind = "") => { if (text) nodes.push(make("div", text, kind)); };
    if ("item" in one) say(`item: ${typeof one.item === "string" ? one.item : JSON.stringify(one.item)} (${one.status})`, "soft");
    if (one.delegate) say(`on ${one.delegate}`, "soft");
    if (one.attempt) say(`attempt ${one.attempt}`, "soft");
    say(one.msg);
    say(one.hint && `hint: ${one.hint}`, "hint");
    for (const warning of one.warnings || []) say(`warning: ${warning}`, "soft");
    const value = (was) => was === null || was === undefined ? "nothing" : typeof was === "string" ? was : JSON.stringify(was);
    for (const change of one.changes || []) say(`${change.field}: ${value(change.before)} → ${value(change.after)}`);
    if (one.command) nodes.push(make("pre", `$ ${one.command.join(" ")}${"rc" in one ? `\nrc ${one.rc}` : ""}`));
    if (one.stdout) nodes.push(make("pre", one.stdout));
    if (one.stderr) nodes.push(make("pre", one.stderr));
    if (one.diff) nodes.push(difference(one.diff));
    return nodes;
  }

  function difference(text) {
    const box = make("pre", "", "diff");
    for (const line of text.split("\n")) {
      box.append(make("span", `${line}\n`, line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : ""));
    }
    return box;
  }

  function timings(list, names, values, show) {
    const order = values.map((_, number) => number).filter((number) => values[number] > 0)
      .sort((one, other) => values[other] - values[one]).slice(0, 10);
    for (const number of order) {
      const item = make("li", "", "timing"), bar = make("meter"), name = make("b", names[number]);
      bar.max = values[order[0]];
      bar.value = values[number];
      item.append(name, make("span", seconds(values[number])), bar);
      item.addEventListener("click", () => show(number));
      at(list).append(item);
    }
  }

  function events() {
    at("matrix").addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
    addEventListener("resize", draw);
    at("rows").addEventListener("click", (event) => {
      const target = event.target.closest("[data-host]");
      if (!target) return;
      if ("task" in target.dataset) showCell(Number(target.dataset.host), Number(target.dataset.task));
      else showHost(Number(target.dataset.host));
    });
    const close = () => { at("detail").hidden = true; };
    at("close").addEventListener("click", close);
    addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  }

  theme();
  heading();
  failures();
  filters();
  events();
  select();
  timings("slow-tasks", data.tasks.map((task) => task.name), data.tasks.map((task) => task.seconds), showTask);
  timings("slow-hosts", data.hosts, data.seconds, showHost);
  for (const warning of data.run.warnings) at("warning-list").append(make("li", warning));
  at("warnings").hidden = !data.run.warnings.length;
})();

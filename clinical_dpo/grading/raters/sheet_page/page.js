"use strict";
(() => {
  const sheet = JSON.parse(document.getElementById("sheet").textContent);
  const items = sheet.items;
  const at = (id) => document.getElementById(id);
  const COLUMNS = ["sheet", "item_id", "text_sha256", "rating", "comment", "rated_at"];
  const NAMES = {
    question: "Question", reference: "Reference answer", answer: "Answer to rate", A: "Answer A", B: "Answer B",
  };
  const short = matchMedia("(max-width: 30rem)").matches;
  const TITLES = { correctness: "Is the answer correct?", preference: "Which answer is better?" };
  const EXPLAIN = {
    correctness: "Correct: equivalent to the reference, or equally right. Cannot judge: the texts do not decide it.",
    preference: "Tie: equally good or equally bad. Cannot judge: the texts do not decide it.",
  };
  const LABELS = {
    correct: "Correct", incorrect: "Incorrect", A: "A is better", B: "B is better", tie: "Tie",
    "cannot judge": "Cannot judge",
  };
  const LETTERS = { correct: "c", incorrect: "i", A: "a", B: "b", tie: "t", "cannot judge": "n" };
  const place = `rating-sheet-${sheet.digest}`;

  // ratings: item_id -> {rating, comment, rated_at}; history: what "undo" puts back, newest last.
  let state = { ratings: {}, history: [], item: null, shortcuts: true, exported: false };
  let current = 0;
  let finished = false;

  const own = (id) => state.ratings[id] || { rating: "", comment: "", rated_at: "" };
  const rated = () => items.filter((item) => own(item.item_id).rating).length;
  const now = () => new Date().toISOString().slice(0, 19) + "Z";
  const say = (text) => { at("live").textContent = text; };
  const warn = (text) => { at("warning").textContent = text; at("warning").hidden = !text; };

  function load() {
    try {
      state = { ...state, ...JSON.parse(localStorage.getItem(place) || "{}") };
    } catch {
      warn("This browser keeps nothing for this page. Export before you close it.");
    }
  }

  function save() {
    try {
      localStorage.setItem(place, JSON.stringify(state));
    } catch {
      warn("This browser could not keep the last change. Export before you close the page.");
    }
  }

  function change(item, values) {
    const entry = { ...own(item.item_id), ...values };
    if (entry.rating || entry.comment) state.ratings[item.item_id] = entry;
    else delete state.ratings[item.item_id];
    state.exported = false;
  }

  function rate(word) {
    if (finished || !items.length) return;
    const item = items[current];
    const before = own(item.item_id);
    at("intro").open = false; // read by now
    state.history.push({ id: item.item_id, rating: before.rating, rated_at: before.rated_at });
    change(item, { rating: word, rated_at: now() });
    const left = items.length - rated();
    if (left) move(nextUnrated());
    else if (before.rating && current < items.length - 1) move(current + 1); // looking through them again
    else finish();
    say(`${LABELS[word]}. ${left ? `Item ${current + 1} of ${items.length}, ${left} left.` : "All items are rated."}`);
  }

  function undo() {
    const last = state.history.pop();
    if (!last) return;
    const index = items.findIndex((item) => item.item_id === last.id);
    change(items[index], { rating: last.rating, rated_at: last.rated_at });
    finished = false;
    move(index);
    say(`Undone. Item ${current + 1} is ${last.rating ? LABELS[last.rating].toLowerCase() : "not rated"}.`);
  }

  function nextUnrated() {
    for (let step = 1; step <= items.length; step++) {
      const index = (current + step) % items.length;
      if (!own(items[index].item_id).rating) return index;
    }
    return current;
  }

  function move(index) {
    if (index < 0 || index >= items.length) return;
    current = index;
    state.item = items[index].item_id;
    save();
    draw();
    window.scrollTo(0, 0);
    at("item-title").focus({ preventScroll: true });
  }

  function finish() {
    finished = true;
    save();
    draw();
    window.scrollTo(0, 0);
    at(items.length ? "done-export" : "done-title").focus();
  }

  function card(name, text, chosen) {
    const box = document.createElement("article");
    const head = document.createElement("h3");
    const body = document.createElement("p");
    box.className = `card ${name in { A: 0, B: 0 } ? "answer" : name}${chosen ? " chosen" : ""}`;
    box.id = `text-${name}`;
    head.textContent = NAMES[name];
    body.textContent = text || "(empty)";
    if (!text) body.className = "empty";
    box.append(head, body);
    return box;
  }

  function draw() {
    const count = rated();
    at("count").textContent = short ? `${count} of ${items.length}` : `${count} of ${items.length} rated`;
    at("progress").max = Math.max(items.length, 1);
    at("progress").value = items.length ? count : 1;
    at("done").hidden = !finished;
    at("item").hidden = at("ratings").hidden = finished;
    at("done-text").textContent = items.length
      ? `All ${items.length} items are rated. Export ${fileName()} and send it to the person who gave you this sheet.`
      : "There is nothing to rate on this sheet.";
    at("done-export").hidden = at("review").hidden = !items.length;
    at("done-saved").textContent = state.exported && items.length ? "Exported; nothing has changed since." : "";
    at("export").hidden = finished;
    document.title = `${finished ? "Done" : `${count}/${items.length}`} - ${TITLES[sheet.kind]}`;
    if (finished) return;
    const item = items[current];
    const entry = own(item.item_id);
    at("item-title").textContent = `Item ${current + 1} of ${items.length}`;
    const names = ["question", "reference", "answer", "A", "B"].filter((name) => name in item);
    at("texts").className = sheet.kind === "preference" ? "texts pair" : "texts";
    at("texts").replaceChildren(...names.map((name) => card(name, item[name], entry.rating === name)));
    at("comment").value = entry.comment;
    at("previous").disabled = current === 0;
    at("next").disabled = current === items.length - 1;
    // Where the next item is the next unrated one anyway, the button would only take room.
    at("open").hidden = count === items.length || nextUnrated() === current || nextUnrated() === current + 1;
    at("undo").disabled = !state.history.length;
    for (const button of at("ratings").children)
      button.setAttribute("aria-pressed", String(button.dataset.word === entry.rating));
  }

  const fileName = () => `${sheet.sheet}.${sheet.rater}.csv`;
  // As grading/raters/formulas.py: an apostrophe before what a spreadsheet would compute.
  const isGuardable = (text) => {
    const bare = text.replace(/^'+/, "");
    const first = [...bare].find((sign) => !/[\p{Z}\p{C}]/u.test(sign));
    return /^[\t\r\n]/.test(bare) || (first !== undefined && "=+-@\u2212".includes([...first.normalize("NFKC")][0]));
  };
  const guarded = (text) => (isGuardable(text) ? "'" + text : text);
  const unguarded = (text) => (text.startsWith("'") && isGuardable(text.slice(1)) ? text.slice(1) : text);
  const quoted = (text) => (/[",\r\n;\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  function exportCsv() {
    const lines = items.map((item) => {
      const entry = own(item.item_id);
      return [sheet.sheet, item.item_id, item.text_sha256, entry.rating, entry.comment, entry.rated_at];
    });
    const text = [COLUMNS, ...lines].map((line) => line.map(guarded).map(quoted).join(",") + "\r\n").join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + text], { type: "text/csv" }));
    link.download = fileName();
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    state.exported = true;
    save();
    draw();
    say(`Exported ${fileName()}, ${rated()} of ${items.length} rated.`);
  }

  function parseCsv(text) {
    const head = text.split(/[\r\n]/, 1)[0];
    const count = (sign) => head.split(sign).length;
    const mark = [",", ";", "\t"].reduce((best, sign) => (count(sign) > count(best) ? sign : best));
    const rows = [[""]];
    let inside = false;
    for (let i = 0; i < text.length; i++) {
      const sign = text[i];
      const row = rows[rows.length - 1];
      if (inside && sign === '"' && text[i + 1] === '"') { row[row.length - 1] += '"'; i++; }
      else if (sign === '"') inside = !inside;
      else if (inside) row[row.length - 1] += sign;
      else if (sign === mark) row.push("");
      else if (sign === "\n" || sign === "\r") { if (row.length > 1 || row[0]) rows.push([""]); }
      else row[row.length - 1] += sign;
    }
    return rows.filter((row) => row.length > 1 || row[0]);
  }

  function importCsv(text) {
    const [header, ...rows] = parseCsv(text.replace(/^\ufeff/, ""));
    const names = (header || []).map((name) => name.trim());
    const missing = ["item_id", "text_sha256", "rating"].filter((name) => !names.includes(name));
    if (missing.length) return warn(`This is not an exported rating file: column ${missing.join(", ")} is missing.`);
    let taken = 0;
    let strange = 0;
    for (const row of rows) {
      const given = Object.fromEntries(names.map((name, column) => [name, unguarded(row[column] || "")]));
      const item = items.find((other) => other.item_id === given.item_id && other.text_sha256 === given.text_sha256);
      const known = !given.rating || sheet.words.includes(given.rating);
      if (!item || !known) { strange++; continue; }
      const mine = own(item.item_id);
      if (!(given.rating || given.comment)) continue;
      if (mine.rating && !(given.rated_at > mine.rated_at)) continue;
      state.history.push({ id: item.item_id, rating: mine.rating, rated_at: mine.rated_at });
      change(item, {
        rating: given.rating || mine.rating, comment: given.comment || mine.comment, rated_at: given.rated_at || now(),
      });
      taken++;
    }
    const said = `${taken} ratings taken over from the file.`;
    warn(strange ? `${said} ${strange} of its lines do not belong to this sheet and were left.` : "");
    say(said);
    start();
  }

  function start() {
    finished = rated() === items.length;
    if (finished) return finish();
    const index = items.findIndex((item) => item.item_id === state.item);
    current = Math.max(index, 0);
    if (own(items[current].item_id).rating) current = nextUnrated();
    save();
    draw();
  }

  function explain() {
    at("title").textContent = TITLES[sheet.kind];
    document.body.className = sheet.kind;
    at("instructions").textContent = sheet.instructions;
    at("instructions").hidden = !sheet.instructions;
    at("explain").textContent = EXPLAIN[sheet.kind];
    const keys = sheet.words.map((word, index) => [`${index + 1} or ${LETTERS[word].toUpperCase()}`, LABELS[word]]);
    keys.push(["\u2190 \u2192", "Previous, next item"], ["U", "Undo the last rating"]);
    keys.push(["M", "Write a comment; Esc leaves it"], ["E", "Export CSV"]);
    for (const [key, text] of keys) {
      const name = document.createElement("dt");
      const mark = document.createElement("kbd");
      const what = document.createElement("dd");
      mark.textContent = key;
      what.textContent = text;
      name.append(mark);
      at("keys").append(name, what);
    }
    sheet.words.forEach((word, index) => {
      const button = document.createElement("button");
      const key = document.createElement("kbd");
      button.type = "button";
      button.dataset.word = word;
      button.textContent = LABELS[word];
      key.textContent = index + 1;
      key.setAttribute("aria-hidden", "true");
      button.append(key);
      // The second click of a double click would rate the next item unread.
      button.addEventListener("click", (event) => { if (event.detail < 2) rate(word); });
      at("ratings").append(button);
    });
  }

  function onKey(event) {
    if (event.key === "Escape" && event.target === at("comment")) return at("item-title").focus();
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.matches("textarea, input, summary") || !state.shortcuts) return;
    const key = event.key.toLowerCase();
    const word = sheet.words.find((name, index) => key === String(index + 1) || key === LETTERS[name]);
    const keys = {
      arrowleft: () => !finished && move(current - 1),
      arrowright: () => !finished && move(current + 1),
      u: undo,
      m: () => at("comment").focus(),
      e: exportCsv,
    };
    const action = word ? () => rate(word) : keys[key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  at("previous").addEventListener("click", () => move(current - 1));
  at("next").addEventListener("click", () => move(current + 1));
  at("open").addEventListener("click", () => move(nextUnrated()));
  at("undo").addEventListener("click", undo);
  at("export").addEventListener("click", exportCsv);
  at("done-export").addEventListener("click", exportCsv);
  at("review").addEventListener("click", () => { finished = false; move(0); });
  at("comment").addEventListener("input", () => { change(items[current], { comment: at("comment").value }); save(); });
  at("shortcuts").addEventListener("change", () => { state.shortcuts = at("shortcuts").checked; save(); });
  at("import").addEventListener("change", async () => {
    const [file] = at("import").files;
    if (file) importCsv(await file.text());
    at("import").value = "";
  });
  at("clear").addEventListener("click", () => {
    if (!confirm("Clear every rating and comment of this sheet in this browser?")) return;
    Object.assign(state, { ratings: {}, history: [], item: null, exported: false });
    start();
    say("All ratings are cleared.");
  });
  document.addEventListener("keydown", onKey);
  // The same sheet in another tab: what was rated there counts here.
  window.addEventListener("storage", (event) => {
    if (event.key === place) { load(); start(); }
  });

  load();
  explain();
  at("shortcuts").checked = state.shortcuts;
  at("intro").open = rated() === 0;
  start();
})();

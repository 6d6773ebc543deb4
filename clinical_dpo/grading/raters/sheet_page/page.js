"use strict";
(() => {
  const sheet = JSON.parse(document.getElementById("sheet").textContent);
  const items = sheet.items;
  const byId = (id) => document.getElementById(id);
  const COLUMNS = ["sheet", "item_id", "text_sha256", "rating", "comment", "rated_at"];
  const NAMES = {
    criterion: "Criterion", question: "Question", reference: "Reference answer", answer: "Answer to rate", A: "Answer A",
    B: "Answer B",
  };
  const short = matchMedia("(max-width: 30rem)").matches;
  const TITLES = {
    correctness: "Is the answer correct?", likert: "How good is the answer?", preference: "Which answer is better?",
    rubric: "Does the answer meet the criterion?",
  };
  const LABELS = {
    correct: "Correct", incorrect: "Incorrect", A: "A is better", B: "B is better", tie: "Tie", yes: "Yes", no: "No",
    "cannot judge": "Cannot judge", 1: "1", 2: "2", 3: "3", 4: "4", 5: "5",
  };
  const LETTERS = {
    correct: "c", incorrect: "i", A: "a", B: "b", tie: "t", yes: "y", no: "n", 1: "1", 2: "2", 3: "3", 4: "4", 5: "5",
    "cannot judge": sheet.kind === "rubric" ? "c" : "n",
  };
  const storageKey = `rating-sheet-${sheet.digest}`;

  // ratings: item_id -> {rating, comment, rated_at}; history: earlier ratings for "undo", newest last.
  let state = { ratings: {}, history: [], item: null, shortcuts: true, exported: false };
  let current = 0;
  let finished = false;

  const entryFor = (id) => state.ratings[id] || { rating: "", comment: "", rated_at: "" };
  const rated = () => items.filter((item) => entryFor(item.item_id).rating).length;
  const now = () => new Date().toISOString().slice(0, 19) + "Z";
  const say = (text) => { byId("live").textContent = text; };
  const warn = (text) => { byId("warning").textContent = text; byId("warning").hidden = !text; };

  function load() {
    try {
      state = { ...state, ...JSON.parse(localStorage.getItem(storageKey) || "{}") };
    } catch {
      warn("This browser does not save your ratings. Export them before you close this page.");
    }
  }

  function save() {
    try {
      localStorage.setItem(storageKey, JSON.stringify(state));
    } catch {
      warn("This browser could not save the last change. Export your ratings before you close this page.");
    }
  }

  function change(item, values) {
    const entry = { ...entryFor(item.item_id), ...values };
    if (entry.rating || entry.comment) state.ratings[item.item_id] = entry;
    else delete state.ratings[item.item_id];
    state.exported = false;
  }

  function rate(word) {
    if (finished || !items.length) return;
    const item = items[current];
    const before = entryFor(item.item_id);
    byId("intro").open = false; // the rater has read it
    state.history.push({ id: item.item_id, rating: before.rating, rated_at: before.rated_at });
    change(item, { rating: word, rated_at: now() });
    const left = items.length - rated();
    if (left) move(nextUnrated());
    else if (before.rating && current < items.length - 1) move(current + 1); // a review of rated items
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
      if (!entryFor(items[index].item_id).rating) return index;
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
    byId("item-title").focus({ preventScroll: true });
  }

  function finish() {
    finished = true;
    save();
    draw();
    window.scrollTo(0, 0);
    byId(items.length ? "done-export" : "done-title").focus();
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
    byId("count").textContent = short ? `${count} of ${items.length}` : `${count} of ${items.length} rated`;
    byId("progress").max = Math.max(items.length, 1);
    byId("progress").value = items.length ? count : 1;
    byId("done").hidden = !finished;
    byId("item").hidden = byId("ratings").hidden = finished;
    byId("done-text").textContent = items.length
      ? `All ${items.length} items are rated. Export ${fileName()} and send it to the person who gave you this sheet.`
      : sheet.empty;
    byId("done-export").hidden = byId("review").hidden = !items.length;
    byId("done-saved").textContent = state.exported && items.length ? "Exported. No rating has changed since." : "";
    byId("export").hidden = finished;
    document.title = `${finished ? "Done" : `${count}/${items.length}`} - ${TITLES[sheet.kind]}`;
    if (finished) return;
    const item = items[current];
    const entry = entryFor(item.item_id);
    byId("item-title").textContent = `Item ${current + 1} of ${items.length}`;
    const names = ["criterion", "question", "reference", "answer", "A", "B"].filter((name) => name in item);
    byId("texts").className = sheet.kind === "preference" ? "texts pair" : "texts";
    byId("texts").replaceChildren(...names.map((name) => card(name, item[name], entry.rating === name)));
    byId("comment").value = entry.comment;
    byId("previous").disabled = current === 0;
    byId("next").disabled = current === items.length - 1;
    // The button has no use where the next item is the next unrated item.
    byId("open").hidden = count === items.length || nextUnrated() === current || nextUnrated() === current + 1;
    byId("undo").disabled = !state.history.length;
    for (const button of byId("ratings").children)
      button.setAttribute("aria-pressed", String(button.dataset.word === entry.rating));
  }

  const fileName = () => `${sheet.sheet}.${sheet.rater}.csv`;
  // As grading/raters/formulas.py: an apostrophe before a text that a spreadsheet would compute.
  const isGuardable = (text) => {
    const bare = text.replace(/^'+/, "");
    const first = [...bare].find((character) => !/[\p{Z}\p{C}]/u.test(character));
    return /^[\t\r\n]/.test(bare) || (first !== undefined && "=+-@\u2212".includes([...first.normalize("NFKC")][0]));
  };
  const guarded = (text) => (isGuardable(text) ? "'" + text : text);
  const unguarded = (text) => (text.startsWith("'") && isGuardable(text.slice(1)) ? text.slice(1) : text);
  const quoted = (text) => (/[",\r\n;\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

  function exportCsv() {
    const lines = items.map((item) => {
      const entry = entryFor(item.item_id);
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
    const count = (character) => head.split(character).length;
    const separator = [",", ";", "\t"].reduce((best, character) => (count(character) > count(best) ? character : best));
    const rows = [[""]];
    let inQuotes = false;
    for (let i = 0; i < text.length; i++) {
      const character = text[i];
      const row = rows[rows.length - 1];
      if (inQuotes && character === '"' && text[i + 1] === '"') { row[row.length - 1] += '"'; i++; }
      else if (character === '"') inQuotes = !inQuotes;
      else if (inQuotes) row[row.length - 1] += character;
      else if (character === separator) row.push("");
      else if (character === "\n" || character === "\r") { if (row.length > 1 || row[0]) rows.push([""]); }
      else row[row.length - 1] += character;
    }
    return rows.filter((row) => row.length > 1 || row[0]);
  }

  function importCsv(text) {
    const [header, ...rows] = parseCsv(text.replace(/^\ufeff/, ""));
    const names = (header || []).map((name) => name.trim());
    const missing = ["item_id", "text_sha256", "rating"].filter((name) => !names.includes(name));
    if (missing.length) return warn(`This is not an exported rating file: column ${missing.join(", ")} is missing.`);
    let accepted = 0;
    let rejected = 0;
    for (const row of rows) {
      const line = Object.fromEntries(names.map((name, column) => [name, unguarded(row[column] || "")]));
      const item = items.find((each) => each.item_id === line.item_id && each.text_sha256 === line.text_sha256);
      const allowed = !line.rating || sheet.words.includes(line.rating);
      if (!item || !allowed) { rejected++; continue; }
      const entry = entryFor(item.item_id);
      if (!(line.rating || line.comment)) continue;
      if (entry.rating && !(line.rated_at > entry.rated_at)) continue;
      state.history.push({ id: item.item_id, rating: entry.rating, rated_at: entry.rated_at });
      change(item, {
        rating: line.rating || entry.rating, comment: line.comment || entry.comment, rated_at: line.rated_at || now(),
      });
      accepted++;
    }
    const report = `${accepted} ratings taken over from the file.`;
    warn(rejected ? `${report} ${rejected} lines of the file do not belong to this sheet and were not read.` : "");
    say(report);
    start();
  }

  function start() {
    finished = rated() === items.length;
    if (finished) return finish();
    const index = items.findIndex((item) => item.item_id === state.item);
    current = Math.max(index, 0);
    if (entryFor(items[current].item_id).rating) current = nextUnrated();
    save();
    draw();
  }

  function explain() {
    byId("title").textContent = TITLES[sheet.kind];
    document.body.className = sheet.kind;
    byId("instructions").textContent = sheet.instructions;
    byId("instructions").hidden = !sheet.instructions;
    byId("explain").textContent =
      `${sheet.explanation.join("\n")}\nAt the end, export ${fileName()} and send it to the person who gave you this sheet.`;
    byId("scale").textContent = sheet.explanation.join("\n");
    byId("scale").hidden = !sheet.anchors.length; // the words of other sheets say what they mean
    const keys = sheet.words.map((word, index) => {
      const letter = LETTERS[word].toUpperCase();
      const meaning = index in sheet.anchors ? `${word}: ${sheet.anchors[index]}` : LABELS[word];
      return [letter === String(index + 1) ? letter : `${index + 1} or ${letter}`, meaning];
    });
    keys.push(["\u2190 \u2192", "Previous, next item"], ["U", "Undo the last rating"]);
    keys.push(["M", "Write a comment; Esc leaves it"], ["E", "Export CSV"]);
    for (const [key, text] of keys) {
      const name = document.createElement("dt");
      const keyCap = document.createElement("kbd");
      const description = document.createElement("dd");
      keyCap.textContent = key;
      description.textContent = text;
      name.append(keyCap);
      byId("keys").append(name, description);
    }
    sheet.words.forEach((word, index) => {
      const button = document.createElement("button");
      const key = document.createElement("kbd");
      button.type = "button";
      button.dataset.word = word;
      button.textContent = LABELS[word];
      key.textContent = index + 1;
      key.setAttribute("aria-hidden", "true");
      if (key.textContent !== LABELS[word]) button.append(key); // a grade is its own key
      // The second click of a double click would rate the next item unread.
      button.addEventListener("click", (event) => { if (event.detail < 2) rate(word); });
      byId("ratings").append(button);
    });
  }

  function onKey(event) {
    if (event.key === "Escape" && event.target === byId("comment")) return byId("item-title").focus();
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.matches("textarea, input, summary") || !state.shortcuts) return;
    const key = event.key.toLowerCase();
    const word = sheet.words.find((name, index) => key === String(index + 1) || key === LETTERS[name]);
    const keys = {
      arrowleft: () => !finished && move(current - 1),
      arrowright: () => !finished && move(current + 1),
      u: undo,
      m: () => byId("comment").focus(),
      e: exportCsv,
    };
    const action = word ? () => rate(word) : keys[key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  byId("previous").addEventListener("click", () => move(current - 1));
  byId("next").addEventListener("click", () => move(current + 1));
  byId("open").addEventListener("click", () => move(nextUnrated()));
  byId("undo").addEventListener("click", undo);
  byId("export").addEventListener("click", exportCsv);
  byId("done-export").addEventListener("click", exportCsv);
  byId("review").addEventListener("click", () => { finished = false; move(0); });
  byId("comment").addEventListener("input", () => {
    change(items[current], { comment: byId("comment").value });
    save();
  });
  byId("shortcuts").addEventListener("change", () => { state.shortcuts = byId("shortcuts").checked; save(); });
  byId("import").addEventListener("change", async () => {
    const [file] = byId("import").files;
    if (file) importCsv(await file.text());
    byId("import").value = "";
  });
  byId("clear").addEventListener("click", () => {
    if (!confirm("Clear every rating and comment of this sheet in this browser?")) return;
    Object.assign(state, { ratings: {}, history: [], item: null, exported: false });
    start();
    say("All ratings are cleared.");
  });
  document.addEventListener("keydown", onKey);
  // Ratings of the same sheet in another tab count here.
  window.addEventListener("storage", (event) => {
    if (event.key === storageKey) { load(); start(); }
  });

  load();
  explain();
  byId("shortcuts").checked = state.shortcuts;
  byId("intro").open = rated() === 0;
  start();
})();

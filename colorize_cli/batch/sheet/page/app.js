"use strict";
// What a person does: filters, keys, picks.

const picks = new Picks();
const grid = new Grid(byId("grid"), byId("canvas"), fillCard);
// What is looked at may be no more among what is shown, once it is picked: its neighbours are.
const viewer = new Viewer(picks, pick, (by) => {
  const { photo } = viewer, { list } = grid;
  const next = list.findIndex((each) => each.number >= photo.number), end = next < 0 ? list.length : next;
  const isThere = list[end] === photo;
  for (let at = by > 0 && !isThere ? end : end + by; at >= 0 && at < grid.list.length; at += by) {
    if (!grid.list[at].numbers.length) continue;
    grid.go(at, { focus: false });
    return { photo: grid.list[at], place: placeText() };
  }
  return null;
});

const FILTERS = {
  all: () => true,
  open: (photo) => photo.numbers.length > 0 && !picks.of(photo),
  picked: (photo) => picks.of(photo) > 0,
  flagged: (photo) => photo.isFlagged,
  failed: (photo) => photo.isFailed,
};
const NONE = {
  all: "There is no photograph.", open: "No photograph is left to pick from.", picked: "No photograph is picked.",
  flagged: "No photograph is flagged.", failed: "No photograph failed.",
};
const NAMES = { all: "all", open: "not picked", picked: "picked", flagged: "flagged", failed: "failed" };

sheet.onBegin = () => {
  const { head } = sheet;
  const name = sheet.out.replace(/.*[\\/]/, "") || sheet.out;
  byId("title").textContent = name;
  byId("title").title = sheet.out;
  document.title = `${name}: sheet`;
  picks.begin(head.id);
  byId("k-command").textContent = sheet.command("pick", "picks.csv", "--to", "chosen/");
  if (!head.photos) update();
};
grid.onMove = () => tell(""); // what was told is of another photograph
sheet.onAdd = () => { update(); };
picks.onChange = () => { update(); if (viewer.isOpen) viewer.refresh(); };

const placeText = () => `${grid.current + 1} of ${grid.list.length}`;

// Show what the filter lets through, and count.
function update({ toTop = false } = {}) {
  const show = byId("show").value, text = byId("find").value.trim().toLowerCase();
  const counts = { all: 0, open: 0, picked: 0, flagged: 0, failed: 0 };
  const list = [];
  for (const photo of sheet.photos) {
    for (const [key, passes] of Object.entries(FILTERS)) counts[key] += passes(photo);
    if (FILTERS[show](photo) && (!text || photo.name.toLowerCase().includes(text))) list.push(photo);
  }
  for (const option of byId("show").options) option.textContent = `${NAMES[option.value]} (${counts[option.value]})`;
  byId("progress").textContent = `${counts.picked} of ${counts.picked + counts.open} picked${picks.isKept ? "" : "; this browser does not keep picks: save them before you go"}`;
  byId("undo").disabled = !picks.past.length;
  byId("none").hidden = list.length > 0;
  byId("none").textContent = text ? `No photograph that is shown has ${text} in its name.` : NONE[show];
  const goesOn = grid.list.length > 0 && grid.list.every((photo, k) => photo === list[k]);
  if (goesOn && !toTop) {
    if (list.length > grid.list.length) grid.grow(list);
    grid.refreshAll();
    return;
  }
  const hadFocus = byId("canvas").contains(document.activeElement);
  const current = grid.list[grid.current], at = list.indexOf(current);
  const tiles = 1 + Math.max(1, sheet.head.samples) + (byId("maps").checked && sheet.head.samples > 1);
  grid.show(list, tiles, toTop ? 0 : at >= 0 ? at : grid.current);
  if (toTop) grid.scroller.scrollTop = 0;
  if (hadFocus && list.length) grid.go(grid.current);
}

function fillCard(card, photo) {
  const picked = picks.of(photo);
  for (const tile of card.querySelectorAll("[data-pick]")) {
    tile.setAttribute("aria-pressed", Number(tile.dataset.pick) === picked);
  }
  card.classList.toggle("done", picked > 0);
  const badge = card.querySelector(".badge.picked");
  badge.textContent = picked ? `✓ ${picked}` : picks.isStale(photo) ? "coloured again since it was picked" : "";
}

function pick(photo, number) {
  if (!photo) return;
  if (!photo.sample(number)) {
    tell(`${photo.name} has no sample ${number}, but ${photo.numbers.join(", ") || "none"}.`);
    return;
  }
  const at = grid.list.indexOf(photo);
  const picked = picks.toggle(photo, number);
  if (picked && byId("onward").checked) {
    if (viewer.isOpen) viewer.go(1);
    else if (grid.list[at] === photo) grid.go(at + 1);
  }
  tell(picked ? `Sample ${picked} of ${photo.name} is picked.` : `${photo.name} is not picked any more.`);
}

function undo() {
  const id = picks.undo();
  if (!id) { tell("There is nothing to undo."); return; }
  const at = grid.list.findIndex((photo) => photo.id === id);
  const photo = sheet.photos.find((each) => each.id === id);
  if (at >= 0) {
    grid.go(at, { focus: !viewer.isOpen });
    if (viewer.isOpen) viewer.open(photo, placeText());
  }
  tell(`Undone: ${photo ? photo.name : "a photograph that is gone"}.`);
}

function look(at, number) {
  grid.go(at);
  const photo = grid.list[at];
  viewer.isMap = number === "map";
  viewer.open(photo, placeText());
  if (viewer.isMap) viewer.uncover();
}

function save() {
  const count = sheet.photos.filter((photo) => picks.of(photo)).length;
  if (!count) { tell("Nothing is picked yet."); return; }
  picks.save();
  tell(`picks.csv has ${count} of them. Then: ${byId("k-command").textContent}`);
}

function gridKey(event) {
  const { current, columns } = grid;
  const moves = {
    ArrowLeft: current - 1, ArrowRight: current + 1, ArrowUp: current - columns, ArrowDown: current + columns,
    Home: 0, End: grid.list.length - 1, PageUp: current - grid.screenful, PageDown: current + grid.screenful,
  };
  if (event.key in moves) {
    const to = moves[event.key];
    if ((event.key === "ArrowUp" && to < 0) || (event.key === "ArrowDown" && to >= grid.list.length)) return true;
    grid.go(to);
  } else if (event.key === "Enter" && !event.target.closest("a, button, input")) look(current, "");
  else if (event.key === "/") byId("find").focus();
  else if (event.key === "m") { byId("maps").click(); }
  else return false;
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const isField = event.target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
  if (isField) {
    if (event.key === "Escape" && event.target.id === "find" && event.target.value) {
      event.target.value = "";
      update({ toTop: true });
      event.preventDefault();
    } else if (event.key === "Escape" || (event.key === "Enter" && event.target.id === "find")) { grid.go(grid.current); event.preventDefault(); }
    return;
  }
  let isOurs = true;
  if (/^[1-9]$/.test(event.key)) {
    const photo = viewer.isOpen ? viewer.photo : grid.list[grid.current];
    if (viewer.isOpen && photo.sample(Number(event.key))) viewer.choose(Number(event.key));
    pick(photo, Number(event.key));
  } else if (event.key === "u") undo();
  else if (event.key === "s") save();
  else if (event.key === "?") byId("keys").showModal();
  else isOurs = viewer.isOpen ? viewer.key(event) : gridKey(event);
  if (isOurs) event.preventDefault();
});

byId("canvas").addEventListener("click", (event) => {
  const card = event.target.closest(".card"), button = event.target.closest("button");
  if (!card) return;
  const at = Number(card.dataset.at);
  if (button && button.dataset.pick) { grid.go(at, { focus: false }); button.focus({ preventScroll: true }); pick(grid.list[at], Number(button.dataset.pick)); }
  else if (button) look(at, button.dataset.look);
  else grid.go(at);
});
byId("canvas").addEventListener("focusin", (event) => {
  const card = event.target.closest(".card");
  if (card && Number(card.dataset.at) !== grid.current) grid.go(Number(card.dataset.at), { focus: false });
});
byId("viewer").addEventListener("close", () => { if (grid.list.length) grid.go(grid.current); });

function loadedText(name, taken, left, doubtful) {
  const parts = [`${counted(taken, "pick")} taken from ${name}`];
  if (left - doubtful) parts.push(`${counted(left - doubtful, "row")} of other photographs or colours left out`);
  if (doubtful) parts.push(`${counted(doubtful, "row")} left out that may be of two photographs: write whole paths`);
  return `${parts.join("; ")}.`;
}

byId("tools").onsubmit = (event) => event.preventDefault();
byId("show").onchange = () => update({ toTop: true });
byId("find").oninput = () => update({ toTop: true });
byId("size").onchange = () => { grid.tile = Number(byId("size").value); grid.layout(); };
byId("maps").onchange = () => { const { list, current } = grid; grid.list = []; update(); grid.current = Math.min(current, list.length - 1); grid.go(grid.current, { focus: false }); };
byId("undo").onclick = undo;
byId("save").onclick = save;
byId("help").onclick = () => byId("keys").showModal();
byId("open").onclick = () => byId("file").click();
byId("file").onchange = async () => {
  const [file] = byId("file").files;
  if (!file) return;
  const taken = picks.load(await file.text());
  byId("file").value = "";
  tell(taken ? loadedText(file.name, ...taken) : `${file.name} is no table of picks.`);
};

"use strict";
// Which sample of each photograph was picked: kept by the browser, saved as a table. The browser has an
// entry for each, so that one more is written at once, however many there are.

class Picks {
  constructor() {
    this.picked = new Map(); // [number, digits of what was seen], by the photograph's id
    this.past = []; // what each pick changed, the last one last
    this.onChange = () => {};
    this.isKept = true;
  }

  // The sheet's own name finds its picks again, wherever its folder is moved.
  begin(id) {
    this.key = `colorize-sheet:${id}:`;
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(this.key)) this.take(key, localStorage.getItem(key));
      }
    } catch {
      this.isKept = false;
    }
    // Another window shows the same sheet.
    addEventListener("storage", (event) => {
      if (event.key && event.key.startsWith(this.key)) { this.take(event.key, event.newValue); this.onChange(); }
    });
  }

  take(key, text) {
    const id = key.slice(this.key.length), [number, made] = (text || "").split(" ");
    if (Number(number)) this.picked.set(id, [Number(number), made || ""]);
    else this.picked.delete(id);
  }

  // Set the pick of a photograph, by its id, or take it away.
  set(id, pick) {
    if (pick) this.picked.set(id, pick);
    else this.picked.delete(id);
    try {
      if (pick) localStorage.setItem(this.key + id, pick.join(" "));
      else localStorage.removeItem(this.key + id);
    } catch {
      this.isKept = false;
    }
  }

  // The number of the sample that was picked, 0 for none. What was coloured again is to be picked again.
  of(photo) {
    const pick = this.picked.get(photo.id);
    if (!pick) return 0;
    const made = photo.madeAs(pick[0]);
    return made !== undefined && (!pick[1] || !made || pick[1] === made) ? pick[0] : 0;
  }

  // Whether there is a pick of colours that were made again since.
  isStale(photo) { return this.picked.has(photo.id) && !this.of(photo); }

  // Pick a sample; the one that is picked is taken back. Gives the number that is picked then.
  toggle(photo, number) {
    const sample = photo.sample(number);
    if (!sample) return this.of(photo);
    this.past.push([photo.id, this.picked.get(photo.id)]);
    this.set(photo.id, this.of(photo) === number ? null : [number, sample.made]);
    this.onChange();
    return this.of(photo);
  }

  // Undo the last pick; gives the id of its photograph.
  undo() {
    const last = this.past.pop();
    if (!last) return null;
    const [id, before] = last;
    this.set(id, before);
    this.onChange();
    return id;
  }

  table() {
    const rows = [["photograph", "sample", "colouring", "key"]];
    for (const photo of sheet.photos) {
      const number = this.of(photo);
      if (!number) continue;
      const { place, made } = photo.sample(number);
      const plain = /^[=+\-@]/.test(place) ? `./${place}` : place; // no formula of a spreadsheet
      rows.push([photo.path, String(number), plain, made ? `s${made}` : ""]);
    }
    const cell = (text) => (/[",;\r\n\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    return `\ufeff${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
  }

  save() {
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([this.table()], { type: "text/csv" }));
    link.download = "picks.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  // Take the picks of a table; gives how many were taken, how many were not, and how many of these
  // may be of two photographs.
  load(text) {
    const [head, ...rows] = parsed(text.replace(/^\ufeff/, ""));
    const heads = (head || []).map((name) => name.trim().toLowerCase());
    const column = (name) => heads.indexOf(name);
    const [path, sample, key] = [column("photograph"), column("sample"), column("key")];
    if (path < 0 || sample < 0) return null;
    const paths = grouped(sheet.photos, (photo) => slashed(photo.path));
    const names = grouped(sheet.photos, (photo) => photo.name);
    let taken = 0, doubtful = 0;
    for (const row of rows) {
      const written = slashed(row[path] || "");
      const meant = paths.get(written) || names.get(written.replace(/^\.\//, "")) || [];
      doubtful += meant.length > 1;
      const photo = meant.length === 1 ? meant[0] : null;
      const found = photo && photo.sample(Number(row[sample]));
      const seen = (row[key] || "").replace(/^s/, "");
      if (!found || (seen && found.made && seen !== found.made)) continue;
      this.past.push([photo.id, this.picked.get(photo.id)]);
      this.set(photo.id, [found.number, found.made]);
      taken += 1;
    }
    this.onChange();
    return [taken, rows.length - taken, doubtful];
  }
}

// Windows knows two separators of folders.
const slashed = (path) => (sheet.isWindows ? path.replaceAll("\\", "/") : path);

function grouped(all, keyOf) {
  const groups = new Map();
  for (const each of all) groups.set(keyOf(each), [...(groups.get(keyOf(each)) || []), each]);
  return groups;
}

// The rows of a table, separated as its first line is.
function parsed(text) {
  const head = text.split("\n", 1)[0];
  const separator = [",", ";", "\t"].reduce((a, b) => (head.split(b).length > head.split(a).length ? b : a));
  const rows = [];
  let row = [], cell = "", isQuoted = false;
  for (let k = 0; k <= text.length; k += 1) {
    const char = text[k];
    if (isQuoted && char !== undefined) {
      if (char !== '"') cell += char;
      else if (text[k + 1] === '"') { cell += char; k += 1; }
      else isQuoted = false;
    } else if (char === '"') isQuoted = true;
    else if (char === separator) { row.push(cell); cell = ""; }
    else if (char === "\n" || char === undefined) {
      row.push(cell.replace(/\r$/, ""));
      if (row.some(Boolean)) rows.push(row);
      row = []; cell = "";
    } else cell += char;
  }
  return rows;
}

"use strict";
// Which sample of each photograph was picked: kept by the browser, saved as a table.

class Picks {
  constructor() {
    this.picked = new Map(); // [number, digits of what was seen], by the photograph's id
    this.past = []; // what each pick changed, the last one last
    this.onChange = () => {};
    this.isKept = true;
  }

  // The sheet's own name finds its picks again, wherever its folder is moved.
  begin(id) {
    this.key = `colorize-sheet:${id}`;
    this.read();
    addEventListener("storage", (event) => {
      if (event.key === this.key) { this.read(); this.onChange(); }
    });
  }

  read() {
    try {
      this.picked = new Map(Object.entries(JSON.parse(localStorage.getItem(this.key) || "{}")));
    } catch {
      this.isKept = false;
    }
  }

  keep() {
    try {
      localStorage.setItem(this.key, JSON.stringify(Object.fromEntries(this.picked)));
      this.isKept = true;
    } catch {
      this.isKept = false;
    }
    this.onChange();
  }

  // The number of the sample that was picked, 0 for none. What was coloured again is to be picked again.
  of(photo) {
    const pick = this.picked.get(photo.id);
    if (!pick) return 0;
    const sample = photo.sample(pick[0]);
    return sample && (!pick[1] || !sample.made || pick[1] === sample.made) ? pick[0] : 0;
  }

  // Whether there is a pick of colours that were made again since.
  isStale(photo) { return this.picked.has(photo.id) && !this.of(photo); }

  // Pick a sample; the one that is picked is taken back. Gives the number that is picked then.
  toggle(photo, number) {
    const sample = photo.sample(number);
    if (!sample) return this.of(photo);
    this.past.push([photo.id, this.picked.get(photo.id)]);
    if (this.of(photo) === number) this.picked.delete(photo.id);
    else this.picked.set(photo.id, [number, sample.made]);
    this.keep();
    return this.of(photo);
  }

  // Undo the last pick; gives the id of its photograph.
  undo() {
    const last = this.past.pop();
    if (!last) return null;
    const [id, before] = last;
    if (before) this.picked.set(id, before);
    else this.picked.delete(id);
    this.keep();
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

  // Take the picks of a table that a sheet saved; gives how many were taken, and how many were not.
  load(text) {
    const [names, ...rows] = parsed(text.replace(/^\ufeff/, ""));
    const column = (name) => (names || []).indexOf(name);
    const [path, sample, key] = [column("photograph"), column("sample"), column("key")];
    if (path < 0 || sample < 0) return null;
    const known = new Map(sheet.photos.map((photo) => [photo.path, photo]));
    let taken = 0;
    for (const row of rows) {
      const photo = known.get(row[path]);
      const found = photo && photo.sample(Number(row[sample]));
      const seen = (row[key] || "").replace(/^s/, "");
      if (!found || (seen && found.made && seen !== found.made)) continue;
      this.past.push([photo.id, this.picked.get(photo.id)]);
      this.picked.set(photo.id, [found.number, found.made]);
      taken += 1;
    }
    this.keep();
    return [taken, rows.length - taken];
  }
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

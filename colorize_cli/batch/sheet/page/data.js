"use strict";
// What is known of the photographs. sheet.js calls `begin`, the scripts that it names call `add`.

const sheet = {
  head: null,
  photos: [],
  onBegin: () => {},
  onAdd: () => {},

  get isWindows() { return /^([A-Za-z]:)?\\/.test(this.head.out); },

  // The folder of the colourings where it is now: it may have been moved since the sheet was made.
  get out() {
    try {
      const { protocol, host, pathname } = location;
      const [path] = decodeURIComponent(pathname).split(/\/colorize-sheet\/[^/]*$/);
      if (protocol === "file:" && !host) return this.isWindows ? path.slice(1).replaceAll("/", "\\") : path;
    } catch { /* a name that is no text */ }
    return this.head.out;
  },

  // A command that a person can copy, wherever it is typed.
  command(name, ...rest) { return ["colorize", name, quoted(this.out), ...rest].join(" "); },

  begin(head) {
    this.head = head;
    this.onBegin();
    this.load(0);
  },

  // One script after the other, so that the first photographs are there at once.
  load(number) {
    const parts = this.head.parts;
    if (number >= parts.length) return;
    const script = document.createElement("script");
    script.src = parts[number];
    const next = () => { script.remove(); this.load(number + 1); };
    script.onload = next;
    script.onerror = () => {
      next();
      this.onAdd();
      tell(`${parts[number]} cannot be read: make the sheet again with ${this.command("sheet")}`);
    };
    document.head.append(script);
  },

  // The first of them has the number `start`: where a script is missing, so are its photographs.
  add(start, photos) {
    this.photos.push(...photos.map((facts, k) => new Photo(facts, start + k)));
    this.onAdd();
  },
};

const SHOWN = /\.(jpe?g|jpe|jfif|png|webp|gif|bmp|avif)$/i; // what browsers show

// A picture: its small one, and the file that it is of or a JPEG of that file.
class Picture {
  constructor(thumb, href, hasZoom) {
    this.thumb = thumb ? `thumbnails/${thumb.slice(0, 2)}/${thumb}.jpg` : "";
    const isShown = SHOWN.test(href);
    this.full = hasZoom ? `zoom/${thumb.slice(0, 2)}/${thumb}.jpg` : isShown ? href : "";
    this.small = this.thumb || (isShown ? href : "");
  }
}

class Photo {
  constructor(facts, number) {
    this.number = number; // in the order of the sheet
    this.id = facts.id;
    this.name = facts.name;
    this.state = facts.state || "done";
    this.reason = facts.reason || "";
    this.flags = facts.flags || [];
    this.facts = facts;
    this.numbers = (facts.samples || []).map((sample) => sample[0]);
  }

  get file() { return this.name.slice(this.name.lastIndexOf("/") + 1); }

  get isFailed() { return this.state === "failed"; }
  get isFlagged() { return this.flags.length > 0 || this.state === "degraded"; }
  get path() { return sheet.head.folder + this.name; }

  get original() {
    const { thumb, href, name, zoom } = this.facts;
    return new Picture(thumb, sheet.head.base + (href || name), zoom);
  }

  get map() {
    return this.facts.map ? new Picture(this.facts.map, "", 0) : null;
  }

  // The digits of what was made as a sample; undefined where there is no such sample.
  madeAs(number) {
    const k = this.numbers.indexOf(number);
    return k < 0 ? undefined : this.facts.samples[k][3] || "";
  }

  // The colouring of a number: its picture, its place and the digits of what was made.
  sample(number) {
    const k = this.numbers.indexOf(number);
    if (k < 0) return null;
    const [, place, href, made, thumb, zoom] = this.facts.samples[k];
    const picture = new Picture(thumb === 1 ? made : thumb, `../${href || place}`, zoom);
    return { number, place, made: made || "", picture };
  }
}

const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// What is looked at covers the page, and has a line of its own.
function tell(text) { for (const id of ["told", "v-told"]) byId(id).textContent = text; }

// A word of a command line.
const quoted = (text) => {
  if (/^[\w.@%+,=:/-]+$/.test(text)) return text;
  return sheet.isWindows ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
};

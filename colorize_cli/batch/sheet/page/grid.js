"use strict";
// The grid: only the photographs near what is seen are in the document, however many there are.

const GAP = 8;
const HEAD = 34; // pixels that a card's name takes
const PAD = 10;

class Grid {
  constructor(scroller, canvas, fill) {
    this.scroller = scroller;
    this.canvas = canvas;
    this.fill = fill; // puts the state of a photograph into its card
    this.onMove = () => {}; // to another photograph
    this.list = []; // photographs that are shown, in order
    this.cards = new Map(); // by position in the list
    this.current = 0;
    this.tile = 190;
    this.tiles = 2;
    this.isDue = false;
    this.lastTop = 0;
    this.isRushing = false; // while the scroll bar is dragged: pictures that only pass by are not loaded
    scroller.addEventListener("scroll", () => this.soon(), { passive: true });
    new ResizeObserver(() => { this.layout(); }).observe(scroller);
  }

  // Show other photographs; the current one stays the current one where it is among them.
  show(list, tiles, current) {
    this.list = list;
    this.tiles = tiles;
    this.current = Math.max(0, Math.min(current, list.length - 1));
    this.clear();
    this.layout();
  }

  // Take in photographs that follow those that are shown.
  grow(list) {
    this.list = list;
    for (const card of this.cards.values()) card.setAttribute("aria-setsize", list.length);
    this.setHeight();
    this.render();
  }

  setHeight() {
    const rows = Math.ceil(this.list.length / this.columns);
    this.canvas.style.height = `${rows * (this.height + GAP) + GAP}px`;
  }

  clear() {
    for (const card of this.cards.values()) card.remove();
    this.cards.clear();
  }

  layout() {
    const width = this.scroller.clientWidth - 2 * GAP;
    if (width <= 0) return;
    const wanted = this.tiles * (this.tile + GAP) + 2 * PAD;
    this.columns = Math.max(1, Math.floor((width + GAP) / (wanted + GAP)));
    this.width = Math.floor((width - GAP * (this.columns - 1)) / this.columns);
    const most = Math.max(2, Math.floor((this.width - 2 * PAD + GAP) / (this.tile * 0.8 + GAP)));
    const across = Math.min(this.tiles, most);
    const tile = (this.width - 2 * PAD - GAP * (across - 1)) / across;
    const height = Math.round(Math.min(tile, 320) * 0.78);
    const lines = Math.ceil(this.tiles / across);
    this.height = HEAD + 2 * PAD + lines * (height + GAP) - GAP;
    this.canvas.style.setProperty("--tile", `${height}px`);
    this.canvas.style.setProperty("--across", across);
    this.canvas.classList.toggle("paired", across === 2 && this.tiles % 2 === 1); // no hole is left
    this.setHeight();
    for (const [at, card] of this.cards) this.place(card, at);
    if (this.list.length) this.reveal(this.current);
    this.render();
  }

  top(at) { return GAP + Math.floor(at / this.columns) * (this.height + GAP); }

  place(card, at) {
    const x = GAP + (at % this.columns) * (this.width + GAP);
    card.style.width = `${this.width}px`;
    card.style.height = `${this.height}px`;
    card.style.transform = `translate(${x}px, ${this.top(at)}px)`;
  }

  soon() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      const { scrollTop, clientHeight } = this.scroller;
      this.isRushing = Math.abs(scrollTop - this.lastTop) > clientHeight / 2;
      this.lastTop = scrollTop;
      this.render();
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.settle(), 80);
    });
  }

  settle() {
    this.isRushing = false;
    for (const image of this.canvas.querySelectorAll("img[data-src]")) showPicture(image);
  }

  // Put into the document what is seen, and half a screen above and below; the current one stays,
  // so that the focus is not lost.
  render() {
    if (!this.columns) return;
    const row = this.height + GAP;
    const { scrollTop, clientHeight } = this.scroller;
    const from = Math.max(0, Math.floor((scrollTop - clientHeight / 2) / row)) * this.columns;
    const to = Math.min(this.list.length, Math.ceil((scrollTop + 1.5 * clientHeight) / row) * this.columns);
    for (const [at, card] of this.cards) {
      if ((at < from || at >= to) && at !== this.current) { card.remove(); this.cards.delete(at); }
    }
    for (let at = from; at < to; at += 1) this.card(at);
    if (this.list.length) this.card(this.current);
  }

  card(at) {
    let card = this.cards.get(at);
    if (!card) {
      card = makeCard(this.list[at], at, this.list.length);
      if (!this.isRushing) for (const image of card.querySelectorAll("img[data-src]")) showPicture(image);
      this.cards.set(at, card);
      this.place(card, at);
      // In their order, for those who go through them by the keyboard or by ear.
      const after = [...this.cards.keys()].filter((other) => other > at).sort((a, b) => a - b)[0];
      this.canvas.insertBefore(card, after === undefined ? null : this.cards.get(after));
      this.refresh(at);
    }
    return card;
  }

  refresh(at) {
    const card = this.cards.get(at);
    if (!card) return;
    const isCurrent = at === this.current;
    card.classList.toggle("current", isCurrent);
    card.tabIndex = isCurrent ? 0 : -1;
    for (const button of card.querySelectorAll("button")) button.tabIndex = isCurrent ? 0 : -1;
    this.fill(card, this.list[at]);
  }

  refreshAll() { for (const at of this.cards.keys()) this.refresh(at); }

  // Make a photograph the current one, and show it.
  go(at, { focus = true } = {}) {
    if (!this.list.length) return;
    const before = this.current;
    this.current = Math.max(0, Math.min(at, this.list.length - 1));
    this.reveal(this.current);
    this.render();
    this.refresh(before);
    this.refresh(this.current);
    if (this.current !== before) this.onMove();
    if (focus) this.card(this.current).focus({ preventScroll: true });
  }

  reveal(at) {
    const top = this.top(at), bottom = top + this.height;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top - GAP;
    else if (bottom > scrollTop + clientHeight) {
      this.scroller.scrollTop = Math.min(top - GAP, bottom + GAP - clientHeight);
    }
  }

  get screenful() {
    return Math.max(1, Math.floor(this.scroller.clientHeight / (this.height + GAP))) * this.columns;
  }
}

function showPicture(image) {
  image.src = image.dataset.src;
  delete image.dataset.src;
}

function makeCard(photo, at, count) {
  const card = element("article", "card");
  card.dataset.at = at;
  card.setAttribute("aria-posinset", at + 1);
  card.setAttribute("aria-setsize", count);
  const head = element("header");
  const name = element("h2", "", photo.name);
  name.id = `n-${photo.id}`;
  name.title = photo.path;
  card.setAttribute("aria-labelledby", name.id);
  head.append(name);
  if (photo.isFailed) head.append(element("span", "badge failed", "failed"));
  if (photo.isFlagged) {
    const badge = element("span", "badge flagged", "flagged");
    badge.title = photo.flags.join("\n") || photo.reason;
    head.append(badge);
  }
  head.append(element("span", "badge picked"));
  const look = element("button", "look", "Look");
  look.type = "button";
  look.dataset.look = "0";
  look.setAttribute("aria-label", `Look closer at ${photo.name}`);
  if (photo.numbers.length) head.append(look);
  card.append(head, photo.numbers.length ? makeTiles(photo) : element("p", "reason", photo.reason));
  return card;
}

function makeTiles(photo) {
  const tiles = element("div", "tiles");
  tiles.append(makeTile(photo.original, "photo", `Look at the photograph ${photo.name}`, { look: "0" }));
  for (const number of photo.numbers) {
    const label = `Pick sample ${number} of ${photo.name}`;
    tiles.append(makeTile(photo.sample(number).picture, String(number), label, { pick: number }));
  }
  if (photo.map && byId("maps").checked) {
    tiles.append(makeTile(photo.map, "map", `Where the samples of ${photo.name} differ`, { look: "map" }));
  }
  return tiles;
}

function makeTile(picture, caption, label, data) {
  const tile = element("button", "tile");
  tile.type = "button";
  Object.assign(tile.dataset, data);
  tile.setAttribute("aria-label", label);
  const image = element("img");
  image.alt = "";
  image.decoding = "async";
  image.draggable = false;
  image.onerror = () => { image.remove(); tile.classList.add("empty"); };
  if (picture.small) image.dataset.src = picture.small;
  else tile.classList.add("empty");
  tile.append(image, element("span", "caption", caption));
  return tile;
}

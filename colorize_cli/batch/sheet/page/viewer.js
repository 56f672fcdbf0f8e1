"use strict";
// Looking at one photograph: before and after, in full size, sample by sample.

class Viewer {
  constructor(picks, pick, step) {
    this.picks = picks;
    this.pick = pick; // picks a sample of a photograph
    this.step = step; // goes to another photograph, which it gives
    this.dialog = byId("viewer");
    this.stage = new Stage(byId("stage"), byId("before"), byId("after"), byId("divider"));
    this.photo = null;
    this.number = 0;
    this.isMap = false;
    const slide = byId("slide");
    // To the right is "after", so less of the photograph.
    slide.oninput = () => this.stage.setShare(100 - Number(slide.value));
    this.stage.onShare = (share) => { slide.value = 100 - share; };
    this.stage.onZoom = (scale) => { byId("v-scale").textContent = `${Math.round(100 * scale)}%`; };
    const buttons = {
      "v-close": () => this.dialog.close(),
      "v-map": () => this.toggleMap(),
      "v-pick": () => this.pick(this.photo, this.number),
      "v-fit": () => this.stage.fit(),
      "v-full": () => this.stage.zoom(this.stage.full),
      "v-in": () => this.stage.zoom(this.stage.shownScale * 1.5),
      "v-out": () => this.stage.zoom(this.stage.shownScale / 1.5),
      "v-prev": () => this.go(-1),
      "v-next": () => this.go(1),
      "v-copy": () => this.copy(),
    };
    for (const [id, act] of Object.entries(buttons)) byId(id).onclick = act;
  }

  get isOpen() { return this.dialog.open; }

  open(photo, place, number = 0) {
    if (!photo.numbers.length) return;
    const isNew = this.photo !== photo;
    this.photo = photo;
    byId("v-name").textContent = photo.name;
    byId("v-place").textContent = [place, ...photo.flags].join(" · ");
    if (isNew) { this.stage.size = null; this.isMap = this.isMap && photo.map !== null; }
    const wanted = number || this.picks.of(photo) || (isNew ? 0 : this.number);
    this.makeSamples();
    if (!this.dialog.open) { this.dialog.showModal(); byId("stage").focus(); }
    this.show(photo.numbers.includes(wanted) ? wanted : photo.numbers[0]);
    if (isNew) this.stage.fit();
  }

  makeSamples() {
    const box = byId("v-samples");
    box.replaceChildren(...this.photo.numbers.map((number) => {
      const button = element("button", "v-sample");
      button.type = "button";
      button.dataset.number = number;
      button.setAttribute("aria-label", `Show sample ${number}`);
      const image = element("img");
      image.alt = "";
      image.src = this.photo.sample(number).picture.small;
      button.append(image, element("span", "caption", String(number)));
      button.onclick = () => this.choose(number);
      return button;
    }));
  }

  // Show a sample beside the photograph: the small pictures first, then those of full size.
  show(number) {
    const { photo, stage } = this;
    this.number = number;
    const sample = photo.sample(number);
    byId("v-map").hidden = photo.map === null;
    byId("v-map").setAttribute("aria-pressed", this.isMap);
    byId("v-legend").hidden = !this.isMap;
    byId("v-left").textContent = "photograph";
    byId("v-right").textContent = this.isMap ? "where the samples differ" : `sample ${number}`;
    byId("before").alt = `${photo.name}, the photograph`;
    byId("after").alt = this.isMap ? `${photo.name}, where its samples differ` : `${photo.name}, sample ${number}`;
    this.lacking = [];
    this.load(stage.before, photo.original, photo.file);
    const name = sample.place.slice(sample.place.lastIndexOf("/") + 1);
    if (this.isMap) this.load(stage.after, { ...photo.map, full: photo.map.thumb }, "", false);
    else this.load(stage.after, sample.picture, name);
    this.note();
    this.refresh();
  }

  load(image, picture, name, hasSize = true) {
    const wanted = {};
    image.wanted = wanted; // what comes late for another picture is dropped
    if (image.dataset.small !== picture.small) { image.dataset.small = picture.small; image.src = picture.small; }
    const lacks = () => { if (image.wanted === wanted && hasSize) { this.lacking.push(name); this.note(); } };
    image.onload = () => {
      if (!this.stage.size) this.stage.setSize(image.naturalWidth, image.naturalHeight);
    };
    if (!picture.full) { lacks(); return; }
    const full = new Image();
    full.src = picture.full;
    full.decode().then(() => {
      if (image.wanted !== wanted) return;
      image.src = full.src;
      if (hasSize) this.stage.setSize(full.naturalWidth, full.naturalHeight);
    }, lacks);
  }

  // Say what cannot be shown in full size, and what makes it so.
  note() {
    byId("v-note").hidden = !this.lacking.length;
    if (!this.lacking.length) return;
    byId("v-why").textContent = `${this.lacking.join(" and ")}: small here, for browsers do not show it. For JPEGs of full size, which the page takes when it is opened anew:`;
    byId("v-command").textContent = sheet.command("sheet", "--zoom", quoted(globOf(this.photo)));
  }

  copy() {
    const text = byId("v-command").textContent;
    const done = navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject();
    done.then(() => { byId("v-copy").textContent = "Copied"; }, () => getSelection().selectAllChildren(byId("v-command")));
  }

  refresh() {
    const picked = this.picks.of(this.photo);
    for (const button of byId("v-samples").children) {
      const number = Number(button.dataset.number);
      button.setAttribute("aria-pressed", number === this.number && !this.isMap);
      button.classList.toggle("chosen", number === picked);
      button.setAttribute("aria-label", `Show sample ${number}${number === picked ? ", picked" : ""}`);
    }
    const isPicked = picked === this.number;
    byId("v-pick").textContent = isPicked ? `Picked: sample ${picked}` : `Pick sample ${this.number}`;
    byId("v-pick").setAttribute("aria-pressed", isPicked);
  }

  go(by) {
    const at = this.step(by);
    if (at) this.open(at.photo, at.place);
  }

  // Another sample, without picking it.
  turn(by) {
    const numbers = this.photo.numbers, count = numbers.length;
    this.choose(numbers[(numbers.indexOf(this.number) + by + count) % count]);
  }

  choose(number) {
    this.isMap = false;
    this.show(number);
    this.uncover();
  }

  toggleMap() {
    if (!this.photo.map) return;
    this.isMap = !this.isMap;
    this.show(this.number);
    this.uncover();
  }

  // What is asked for is seen, at least in half, where the photograph alone was.
  uncover() { if (this.stage.share > 95) this.stage.setShare(50); }

  // What a key does while a photograph is looked at; false where it is none of these.
  key(event) {
    const isSlide = event.target.id === "slide";
    const acts = {
      ArrowLeft: isSlide ? null : () => this.go(-1),
      ArrowRight: isSlide ? null : () => this.go(1),
      ArrowUp: isSlide ? null : () => this.turn(-1),
      ArrowDown: isSlide ? null : () => this.turn(1),
      m: () => this.toggleMap(),
      z: () => this.stage.toggleFull(),
      b: () => this.stage.setShare(this.stage.share > 50 ? 0 : 100),
      "+": () => this.stage.zoom(this.stage.shownScale * 1.5),
      "-": () => this.stage.zoom(this.stage.shownScale / 1.5),
    };
    const act = acts[event.key];
    if (act) act();
    return Boolean(act);
  }
}

// A pattern that matches a photograph alone: its name, if no other's path ends so.
function globOf(photo) {
  const isEnd = sheet.photos.some((each) => each !== photo && each.name.endsWith(`/${photo.name}`));
  return (isEnd ? slashed(photo.path) : photo.name).replace(/[[*?]/g, "[$&]");
}

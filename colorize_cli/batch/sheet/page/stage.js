"use strict";
// Two pictures in one place, with a line between them: moved, enlarged, compared.

class Stage {
  constructor(root, before, after, divider) {
    Object.assign(this, { root, before, after, divider });
    this.share = 50; // per cent of the stage that shows the photograph
    this.size = null; // [width, height] of the picture in its own pixels
    this.scale = 0; // CSS pixels of a pixel; 0 where the whole picture is shown
    this.x = 0; // of the picture's middle from the stage's, in CSS pixels
    this.y = 0;
    this.onZoom = () => {};
    this.onShare = () => {};
    this.listen();
    new ResizeObserver(() => this.draw()).observe(root);
  }

  get fitting() {
    const { clientWidth, clientHeight } = this.root;
    return Math.min(clientWidth / this.size[0], clientHeight / this.size[1]);
  }

  get full() { return 1 / devicePixelRatio; }
  get shownScale() { return this.scale || (this.size ? this.fitting : 1); }

  setSize(width, height) {
    if (!width || !height) return;
    this.size = [width, height];
    this.draw();
  }

  fit() { this.scale = 0; this.x = this.y = 0; this.draw(); }

  // Enlarge to so many CSS pixels a pixel, with the place below (x, y) staying where it is.
  zoom(scale, x = 0, y = 0) {
    if (!this.size) return;
    const before = this.shownScale;
    this.scale = Math.max(Math.min(this.fitting, this.full), Math.min(scale, 8 * this.full));
    const grown = this.scale / before;
    this.x = x + (this.x - x) * grown;
    this.y = y + (this.y - y) * grown;
    if (Math.abs(this.scale - this.fitting) < 1e-9) this.fit();
    else this.draw();
  }

  toggleFull() {
    if (this.scale) this.fit();
    else this.zoom(this.full);
  }

  setShare(share) { this.share = Math.max(0, Math.min(100, share)); this.draw(); this.onShare(this.share); }

  draw() {
    if (!this.size) return;
    const { clientWidth, clientHeight } = this.root;
    const width = this.size[0] * this.shownScale, height = this.size[1] * this.shownScale;
    const slack = [Math.max(0, (width - clientWidth) / 2), Math.max(0, (height - clientHeight) / 2)];
    this.x = Math.max(-slack[0], Math.min(slack[0], this.x));
    this.y = Math.max(-slack[1], Math.min(slack[1], this.y));
    const left = (clientWidth - width) / 2 + this.x, top = (clientHeight - height) / 2 + this.y;
    // Of a picture that does not fill the stage the line goes over the picture alone.
    const from = Math.max(0, left), to = Math.min(clientWidth, left + width);
    const line = from + ((to - from) * this.share) / 100;
    for (const image of [this.before, this.after]) {
      image.style.width = `${width}px`;
      image.style.height = `${height}px`;
      image.style.transform = `translate(${left}px, ${top}px)`;
    }
    this.before.style.clipPath = `inset(0 ${Math.max(0, left + width - line)}px 0 0)`;
    this.after.style.clipPath = `inset(0 0 0 ${Math.max(0, line - left)}px)`;
    this.divider.style.transform = `translateX(${line}px)`;
    this.span = [from, to];
    this.root.classList.toggle("movable", slack[0] > 0 || slack[1] > 0);
    this.onZoom(this.shownScale / this.full);
  }

  listen() {
    const { root } = this;
    let held = null;
    root.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const isLine = this.divider.contains(event.target);
      held = { isLine, x: event.clientX - this.x, y: event.clientY - this.y };
      root.setPointerCapture(event.pointerId);
    });
    root.addEventListener("pointermove", (event) => {
      if (!held) return;
      if (held.isLine || !root.classList.contains("movable")) {
        const [from, to] = this.span;
        const x = event.clientX - root.getBoundingClientRect().left;
        this.setShare((100 * (x - from)) / Math.max(1, to - from));
      } else {
        this.x = event.clientX - held.x;
        this.y = event.clientY - held.y;
        this.draw();
      }
    });
    for (const end of ["pointerup", "pointercancel"]) root.addEventListener(end, () => { held = null; });
    root.addEventListener("dblclick", () => this.toggleFull());
    root.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = root.getBoundingClientRect();
      const x = event.clientX - box.left - box.width / 2, y = event.clientY - box.top - box.height / 2;
      this.zoom(this.shownScale * Math.exp(-event.deltaY / 400), x, y);
    }, { passive: false });
  }
}

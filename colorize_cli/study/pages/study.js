"use strict";
// One pair after the other. An answer is kept by the server before the next pair is asked for, and
// the next pair's picture is here, decoded, before it is shown: so a second is a second.

const CROSS_MS = 400;
const RETRY_MS = 1500;
const $ = (id) => document.getElementById(id);
const pictures = new Map(); // promises of decoded pictures, by trial
const isScripted = Boolean(navigator.webdriver);
let key = ""; // of this study, under which the browser keeps the token
let token = null;
let isPaused = false;
let wasHidden = false;
let onChoice = null;

const pairs = (count) => (count === 1 ? "1 pair" : `${count} pairs`);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const frame = () => new Promise((done) => requestAnimationFrame(done));
const clicked = (id) => new Promise((done) => $(id).addEventListener("click", done, { once: true }));

/** Keep the token in the browser, or forget it if null; false where the browser keeps nothing. */
function keep(value) {
  token = value;
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
    return true;
  } catch {
    return false;
  }
}

/** The token of before in this browser, or null. */
function kept() {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function show(id) {
  for (const main of document.querySelectorAll("main")) main.hidden = main.id !== id;
  document.body.classList.toggle("judging", id === "trial" || id === "between");
  window.scrollTo(0, 0);
}

function trouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

/** Ask the server until it answers; what it refuses for good is an error with its status. */
async function ask(path, body) {
  for (;;) {
    const headers = { "X-Rater": token ?? "", ...(body && { "Content-Type": "application/json" }) };
    const options = { headers, method: body ? "POST" : "GET", body: body && JSON.stringify(body) };
    try {
      const reply = await fetch(path, options);
      if (reply.status < 500) {
        trouble("");
        if (reply.ok) return reply;
        const told = await reply.json().catch(() => ({}));
        throw Object.assign(new Error(told.error ?? reply.statusText), { status: reply.status });
      }
      const told = await reply.json().catch(() => ({}));
      trouble(`${told.error ?? "The server has a problem."} Trying again; what you answered is kept.`);
    } catch (error) {
      if (error.status) throw error;
      trouble("The server does not answer. Trying again; what you answered is kept.");
    }
    await pause(RETRY_MS);
  }
}

const json = async (path, body) => (await ask(path, body)).json();

function fetched(n) {
  if (!pictures.has(n)) {
    const decoded = ask(`api/pictures/${n}`)
      .then((reply) => reply.blob())
      .then((blob) => createImageBitmap(blob));
    decoded.catch(() => pictures.delete(n));
    pictures.set(n, decoded);
  }
  return pictures.get(n);
}

/** Draw both halves of a picture into their places. */
function draw(picture) {
  const width = picture.width / 2;
  for (const [i, id] of ["left", "right"].entries()) {
    const canvas = $(id).querySelector("canvas");
    [canvas.width, canvas.height] = [width, picture.height];
    canvas.getContext("2d").drawImage(picture, i * width, 0, width, picture.height, 0, 0, width, picture.height);
  }
}

function choices(areOpen) {
  for (const id of ["left", "right"]) $(id).disabled = !areOpen;
}

/** Wait for an answer: the side, and when it came, in the time of the page. */
function choice() {
  choices(true);
  return new Promise((done) => {
    onChoice = (side, time) => {
      onChoice = null;
      choices(false);
      done({ side, time });
    };
  });
}

/** Show the pictures for some seconds, to the frame; tell when they came and how long they stayed. */
async function shownFor(seconds) {
  const stage = $("stage");
  await frame();
  stage.classList.add("showing");
  const start = await frame();
  const end = start + 1000 * seconds;
  let now = start;
  let last = start;
  // What is done in a frame is seen a frame later: the end is the nearest one.
  while (!wasHidden && now + 1.5 * (now - last) < end) [last, now] = [now, await frame()];
  stage.classList.remove("showing");
  return { start, shown: (await frame()) - start };
}

async function shownUntilAnswer() {
  await frame();
  $("stage").classList.add("showing");
  const start = await frame();
  const { side, time } = await choice();
  $("stage").classList.remove("showing");
  return { start, side, time, shown: time - start };
}

/** Wish for a pause after this pair, or for none; the button shows it. */
function wish(isWished) {
  isPaused = isWished;
  $("pause").setAttribute("aria-pressed", isWished);
}

async function between(title, text, label) {
  $("between-title").textContent = title;
  $("between-text").textContent = text;
  $("go-on").textContent = label;
  show("between");
  $("go-on").focus();
  await clicked("go-on");
  wish(false);
}

/** Stop where the person asked for it, or looks at something else. */
async function rest() {
  if (isPaused || document.hidden) {
    await between("Pause", "Take your time. Nothing is shown meanwhile.", "Go on");
  }
  show("trial");
  document.activeElement?.blur();
}

function head(state) {
  const isPractice = state.next < state.practice;
  const number = isPractice ? state.next + 1 : state.next - state.practice + 1;
  const total = isPractice ? state.practice : state.total - state.practice;
  $("question").textContent = state.question;
  $("count").textContent = `${isPractice ? "Practice: pair" : "Pair"} ${number} of ${total}`;
  [$("progress").max, $("progress").value] = [total, number - 1];
}

/** Show a trial, keep its answer, and give the state after it. */
async function trial(state) {
  const n = state.next;
  const picture = await fetched(n);
  await rest();
  head(state);
  draw(picture);
  choices(false);
  await pause(CROSS_MS);
  const now = await json(`api/showings/${n}`, {});
  if (now.next !== n) return now; // another window was faster
  wasHidden = document.hidden;
  // Not while the frames of a timed display are counted.
  const ahead = () => n + 1 < state.total && fetched(n + 1).catch(() => {});
  if (state.seconds === null) ahead();
  const seen = await (state.seconds === null ? shownUntilAnswer() : shownFor(state.seconds));
  ahead();
  $("say").textContent = `${$("count").textContent}. ${state.question} Left or right?`;
  const { side, time } = seen.side ? seen : await choice();
  const after = await json(`api/answers/${n}`, {
    side,
    shown_ms: Math.max(0, seen.shown),
    answered_ms: Math.max(0, time - seen.start),
    was_hidden: wasHidden,
    scripted: isScripted,
  });
  pictures.delete(n);
  if (after.real) await feedback(side, after.real);
  return after;
}

/** After practice alone: which one was real, with both in sight. */
async function feedback(side, real) {
  for (const id of ["left", "right"]) {
    $(id).querySelector("strong").textContent = id === real ? "✓ real colours" : "coloured by a program";
  }
  const verdict = side === real ? "Right." : "Not this one.";
  $("verdict").textContent = verdict;
  $("say").textContent = `${verdict} The ${real} one has the real colours.`;
  $("stage").classList.add("showing");
  $("trial").classList.add("told");
  $("next").focus();
  await clicked("next");
  $("stage").classList.remove("showing");
  $("trial").classList.remove("told");
  $("verdict").textContent = "";
  for (const strong of document.querySelectorAll(".choice strong")) strong.textContent = "";
}

/** Say what comes; no pair is shown before somebody is ready for it, however they came here. */
async function greet(state, isNew) {
  if (state.next === null) return;
  if (!isNew || state.next > 0) {
    await between("Welcome back", "Your answers so far are kept.", "Go on");
  } else if (state.practice) {
    const text = `First ${state.practice} for practice, after each of which you see which one was real.`;
    await between("Practice", text, "Begin practice");
  } else {
    await between("Ready?", `${pairs(state.total)} will come.`, "Begin");
  }
}

async function run(state, isNew) {
  let hasPractised = state.next !== null && state.next < state.practice;
  await greet(state, isNew);
  while (state.next !== null) {
    if (hasPractised && state.next >= state.practice) {
      hasPractised = false;
      const text = `Now what counts: ${pairs(state.total - state.next)}. You are not told any more which one was real.`;
      await between("That was practice", text, "Begin");
    }
    state = await trial(state);
  }
  show("done");
}

function welcome(facts) {
  const seconds = facts.seconds === 1 ? "1 second" : `${facts.seconds} seconds`;
  $("how-long").textContent =
    facts.seconds === null
      ? "A pair stays until you answer."
      : `A pair is shown for ${seconds} only. Then take as long as you like to answer.`;
  const minutes = Math.max(1, Math.round(((facts.trials + facts.practice) * ((facts.seconds ?? 4) + 3)) / 60));
  const practice = facts.practice ? `${pairs(facts.practice)} for practice, then ` : "";
  $("how-many").textContent = `You will see ${practice}${pairs(facts.trials)}: about ${minutes} min.`;
  $("consent-line").textContent = facts.consent;
  $("time-line").hidden = facts.seconds === null;
  if (!keep("")) {
    $("later").textContent =
      "There is no way back to an earlier pair. You can pause between pairs, but leave this page open: your browser keeps nothing to go on by.";
  }
  show("welcome");
}

/** Take in somebody new, once they agree. */
async function begun() {
  const form = $("consent");
  for (;;) {
    await new Promise((done) =>
      form.addEventListener("submit", (event) => (event.preventDefault(), done()), { once: true }),
    );
    try {
      const state = await json("api/raters", {
        agrees: $("agrees").checked,
        asks_for_time: $("asks-for-time").checked,
        code: $("code").value,
        scripted: isScripted,
        screen: `${innerWidth} x ${innerHeight} at ${devicePixelRatio}`,
      });
      keep(state.token);
      return state;
    } catch (error) {
      trouble(error.message);
    }
  }
}

/** The state of who was here before in this browser, or null. */
async function known() {
  if (!token) return null;
  try {
    return await json("api/state");
  } catch (error) {
    keep(null);
    return null;
  }
}

document.addEventListener("keydown", (event) => {
  // Where a window is too low for a pair, the space bar would scroll it away.
  if (event.key === " " && event.target === document.body && !$("trial").hidden) event.preventDefault();
  const side = { ArrowLeft: "left", ArrowRight: "right", 1: "left", 2: "right" }[event.key];
  if (!side || !onChoice || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  onChoice(side, event.timeStamp);
});
for (const side of ["left", "right"]) {
  $(side).addEventListener("click", (event) => onChoice?.(side, event.timeStamp));
}
document.addEventListener("visibilitychange", () => {
  wasHidden ||= document.hidden;
  if (document.hidden) wish(true);
});
$("pause").addEventListener("click", () => {
  wish(!isPaused);
  $("say").textContent = `There will be ${isPaused ? "a" : "no"} pause after this pair.`;
  $("pause").blur();
});
$("another").addEventListener("click", () => {
  keep(null);
  location.reload();
});

(async () => {
  const facts = await json("api/study");
  key = `colorize-study-rater-${facts.study}`;
  token = kept();
  const before = await known();
  if (!before) welcome(facts);
  await run(before ?? (await begun()), !before);
})().catch((error) => trouble(`${error.message} Load the page again; what you answered is kept.`));

// What somebody waits for, in a real browser or a terminal, with the real relay: JSON rows.
//
//   node tests/bench/client.mjs --server PATH --terminal PATH [--where chromium|firefox|terminal]... [--messages N]
//
// Rows: `waiting` (signing in until all that waited is shown, and the longest the page was busy meanwhile), `cold` (a
// page opened until a conversation of that store is shown), `switch` (a click until another conversation is shown),
// `key` (Enter on one page until the text is on another's). Times are milliseconds; those of pages end with a frame.
// `cpu_ms` is what all processes of the browser took, on Linux, in steps of 10 ms: it says more on a busy machine.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Tab } from '../browser/support/page.mjs';
import { Relay } from '../browser/support/relay.mjs';
import { Terminal } from '../browser/support/terminal.mjs';
import { until, untilValue } from '../browser/support/wait.mjs';

/** One would be a stranger after the relay's restart; four are known, and share the mailbox. */
const SENDERS = ['anna', 'bela', 'cleo', 'dora'];

/** How often each of the shorter things is done. */
const TIMES = { cold: 5, switch: 40, key: 60 };

/** Ends a hang only. */
const PATIENCE_MS = 300_000;

const print = (row) => process.stdout.write(`${JSON.stringify(row)}\n`);

const round = (value) => Math.round(value * 10) / 10;

function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]);
  return { p50_ms: at(0.5), p95_ms: at(0.95), times: sorted.length };
}

/** Milliseconds of processor time that a process and those that it started have taken; nothing where there is no /proc. */
function cpuOf(root) {
  const processes = new Map();
  const stat = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
    } catch {
      return null;
    }
  };
  for (const pid of existsSync('/proc') ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : []) {
    const fields = stat(pid);
    if (fields !== null) processes.set(Number(pid), { parent: Number(fields[1]), ms: 10 * (Number(fields[11]) + Number(fields[12])) });
  }
  const belongs = (pid) => pid === root || (processes.has(pid) && belongs(processes.get(pid).parent));
  return [...processes].filter(([pid]) => belongs(pid)).reduce((sum, [, { ms }]) => sum + ms, 0);
}

/** Runs in every page before its own scripts: notes by how much a timer was late at most, and the longest task where told. */
function watchPauses() {
  globalThis.pauses = { longest: 0, longestTask: 0 };
  let due = performance.now();
  function beat() {
    globalThis.pauses.longest = Math.max(globalThis.pauses.longest, performance.now() - due);
    due = performance.now() + 10;
    setTimeout(beat, 10);
  }
  beat();
  if (PerformanceObserver.supportedEntryTypes.includes('longtask')) {
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) globalThis.pauses.longestTask = Math.max(globalThis.pauses.longestTask, entry.duration);
    }).observe({ type: 'longtask', buffered: true });
  }
}

/** Runs in the page before its own scripts: when so many unread messages stand in the list. */
function watchUnread(wanted) {
  const look = () => {
    const badges = [...document.querySelectorAll('nav .unseen')].map((one) => Number(/\d+/.exec(one.textContent)?.[0] ?? 0));
    const sum = badges.reduce((all, one) => all + one, 0);
    if (sum > 0) globalThis.firstUnreadAt ??= performance.now();
    if (sum >= wanted) requestAnimationFrame(() => { globalThis.unreadAt ??= performance.now(); });
    else setTimeout(look, 10);
  };
  look();
}

/** Runs in the page before its own scripts: when the log of the conversation ends with a text. */
function watchLog(wanted) {
  const look = () => {
    const last = [...document.querySelectorAll('[role="log"] article')].at(-1);
    if (last && last.textContent.includes(wanted)) requestAnimationFrame(() => { globalThis.shownAt ??= performance.now(); });
    else setTimeout(look, 10);
  };
  look();
}

/** Runs in the page: from a click on a conversation until its newest text is drawn. */
function switchTo(username, wanted) {
  const link = [...document.querySelectorAll('nav .item-name')].find((one) => one.textContent.trim().startsWith(username));
  return new Promise((resolve) => {
    const begin = performance.now();
    link.click();
    const look = () => {
      const last = [...document.querySelectorAll('[role="log"] article')].at(-1);
      if (last && last.textContent.includes(wanted)) requestAnimationFrame(() => { resolve(performance.now() - begin); });
      else setTimeout(look, 0);
    };
    look();
  });
}

/** Runs in the page: when texts like these come into the log, by the clock of the machine. */
function noteTexts() {
  globalThis.seen = new Map();
  const note = () => {
    for (const article of [...document.querySelectorAll('[role="log"] article')].slice(-4)) {
      const text = /tap \d+/.exec(article.textContent)?.[0];
      if (text === undefined || globalThis.seen.has(text)) continue;
      globalThis.seen.set(text, 0);
      requestAnimationFrame(() => { globalThis.seen.set(text, performance.timeOrigin + performance.now()); });
    }
  };
  new MutationObserver(note).observe(document.querySelector('[role="log"]'), { childList: true, subtree: true, characterData: true });
}

/** Runs in the page: when Enter was last pressed. */
function noteEnter() {
  addEventListener('keydown', (event) => {
    if (event.key === 'Enter') globalThis.enterAt = performance.timeOrigin + performance.now();
  }, { capture: true });
}

/** A relay, four senders that `reader` knows, and what they wrote while it was away. */
class Scene {
  people = [];
  complaints = [];

  static async begin(server) {
    const scene = new Scene();
    scene.relay = await Relay.start(server);
    scene.url = `http://127.0.0.1:${scene.relay.port}`;
    scene.senders = [];
    for (const name of SENDERS) scene.senders.push(await Terminal.register(scene, name));
    return scene;
  }

  async greet() {
    for (const sender of this.senders) await sender.run('send', 'reader', `hello from ${sender.name}`);
  }

  async write(messages) {
    const each = messages / SENDERS.length;
    const texts = (name) => Array.from({ length: each }, (_, index) => `${name} writes message ${index + 1} of ${each}, as long as people's are`);
    await Promise.all(this.senders.map((sender) => sender.feed('reader', texts(sender.name))));
    return (name) => `${name} writes message ${each} of ${each}`;
  }

  async end() {
    await Promise.allSettled(this.people.map((person) => person.leave()));
    await this.relay.close();
  }
}

/** A page, with what is to run in it first. */
async function open(scene, context, hash, ...first) {
  const page = await context.newPage({ type: 'window' });
  const tab = new Tab(page, scene.url, scene.complaints);
  await page.evaluateOnNewDocument(watchPauses);
  for (const [work, ...values] of first) await page.evaluateOnNewDocument(work, ...values);
  await tab.goto(hash);
  return tab;
}

/** Reads a conversation to its end: the page begins at the first line that is unread. */
async function read(tab, sender) {
  await tab.openConversation(sender);
  await untilValue(`${sender}'s messages read`, async () => {
    await tab.page.evaluate(() => { document.querySelector('[role="log"]')?.scrollTo({ top: 0 }); });
    return tab.conversations();
  }, (names) => names.includes(sender), PATIENCE_MS);
}

async function waiting(scene, browser, context, where, messages) {
  const last = await scene.write(messages);
  const before = cpuOf(browser.puppet.process().pid);
  const tab = await open(scene, context, '', [watchUnread, messages]);
  const unreadAt = () => tab.page.evaluate(() => globalThis.unreadAt);
  const ms = await until(`${messages} unread`, unreadAt, PATIENCE_MS);
  const cpu = cpuOf(browser.puppet.process().pid) - before;
  const { pauses, first } = await tab.page.evaluate(() => ({ pauses: globalThis.pauses, first: globalThis.firstUnreadAt }));
  print({
    row: 'waiting', where, messages, shown_ms: round(ms), first_shown_ms: round(first), cpu_ms: cpu,
    longest_pause_ms: round(pauses.longest), ...(where === 'chromium' ? { longest_task_ms: round(pauses.longestTask) } : {}),
  });
  for (const sender of SENDERS) await read(tab, sender);
  await tab.close();
  return last;
}

async function cold(scene, context, where, messages, last) {
  const shown = [];
  for (let time = 0; time < TIMES.cold; time += 1) {
    const sender = SENDERS[time % SENDERS.length];
    const tab = await open(scene, context, `#/c/${sender}`, [watchLog, last(sender)]);
    shown.push(await until('the conversation', () => tab.page.evaluate(() => globalThis.shownAt), PATIENCE_MS));
    await tab.waitForConnection('Online');
    await tab.close();
  }
  print({ row: 'cold', where, messages, ...spread(shown) });
}

async function change(scene, context, where, messages, last) {
  const tab = await open(scene, context, `#/c/${SENDERS.at(-1)}`, [watchLog, last(SENDERS.at(-1))]);
  await until('the conversation', () => tab.page.evaluate(() => globalThis.shownAt), PATIENCE_MS);
  await tab.waitForConnection('Online');
  const took = [];
  for (let time = 0; time < TIMES.switch; time += 1) {
    const sender = SENDERS[time % SENDERS.length];
    took.push(await tab.page.evaluate(switchTo, sender, last(sender)));
  }
  print({ row: 'switch', where, messages, first_ms: round(Math.max(...took.slice(0, SENDERS.length - 1))), ...spread(took) });
  return tab;
}

async function keys(scene, reader, browser, where) {
  const context = await browser.puppet.createBrowserContext();
  const writer = await open(scene, context, '');
  await writer.createAccount('writer');
  await writer.startConversation('reader');
  await writer.send('hello from a page');
  await reader.openConversation('writer');
  await reader.waitForMessage('hello from a page');
  await reader.page.evaluate(noteTexts);
  await writer.page.evaluate(noteEnter);
  const took = [];
  for (let time = 0; time < TIMES.key; time += 1) {
    const text = `tap ${time + 1}`;
    await writer.typeAndEnter(text);
    const at = await until(text, () => reader.page.evaluate((wanted) => globalThis.seen.get(wanted), text));
    took.push(at - await writer.page.evaluate(() => globalThis.enterAt));
  }
  print({ row: 'key', where, ...spread(took) });
}

async function inBrowser(where, server, messages) {
  const { Browser } = await import('../browser/support/browser.mjs');
  const scene = await Scene.begin(server);
  const browser = await Browser.launch();
  try {
    const context = await browser.puppet.createBrowserContext();
    const tab = await open(scene, context, '');
    await tab.createAccount('reader');
    await scene.greet();
    for (const sender of SENDERS) {
      await tab.openConversation(sender);
      await tab.waitForMessage(`hello from ${sender}`);
    }
    await tab.close();
    const last = await waiting(scene, browser, context, where, messages);
    await cold(scene, context, where, messages, last);
    const reader = await change(scene, context, where, messages, last);
    await keys(scene, reader, browser, where);
  } finally {
    await browser.close();
    await scene.end();
  }
}

async function inTerminal(server, messages) {
  const scene = await Scene.begin(server);
  try {
    const reader = await Terminal.register(scene, 'reader');
    await scene.greet();
    await reader.run('receive');
    await scene.write(messages);
    const begin = performance.now();
    const lines = await reader.json('receive');
    const ms = performance.now() - begin;
    if (lines.length !== messages) throw new Error(`${lines.length} of ${messages} came`);
    print({ row: 'waiting', where: 'terminal', messages, shown_ms: round(ms) });
  } finally {
    await scene.end();
  }
}

/** One process for each browser, since the support of the tests knows one. */
async function inTurn(places) {
  for (const where of places) {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--only', where], {
      stdio: 'inherit',
      env: { ...process.env, PAWL_TEST_BROWSER: where },
    });
    const code = await new Promise((resolve) => { child.on('exit', resolve); });
    if (code !== 0) throw new Error(`${where} ended with ${code}`);
  }
}

const { values } = parseArgs({
  options: {
    server: { type: 'string' },
    terminal: { type: 'string' },
    where: { type: 'string', multiple: true, default: ['chromium', 'firefox', 'terminal'] },
    messages: { type: 'string', default: '10000' },
    only: { type: 'string' },
  },
});
process.env.PAWL_TEST_TERMINAL = path.resolve(values.terminal);
const server = path.resolve(values.server);
const messages = Number(values.messages);
if (values.only === undefined) await inTurn(values.where);
else if (values.only === 'terminal') await inTerminal(server, messages);
else await inBrowser(values.only, server, messages);

// WebKitGTK by WebDriver, in the words of Puppeteer that support/page.mjs uses: WebKit has no protocol that Puppeteer
// speaks. One browser process, one window and one display each.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { CANDIDATES } from '../support/roles.mjs';

const PROGRAM = path.join(path.dirname(fileURLToPath(import.meta.url)), 'browser.py');

/** Name under which WebDriver hands out elements. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** WebDriver's code points for keys that are no letters. */
const KEYS = { '\n': '\uE007' };

/** Longest start of a program; ends a hang only. */
const START_DEADLINE_MS = 30_000;

/** How the engine writes a line of the console, with or without where it is from. */
const CONSOLE = /(?:^|: )CONSOLE (?:[A-Z]+ )?(ERROR|WARN|LOG|INFO|DEBUG) (.*)$/;

/** What this engine says of words that are newer than it is. */
const NOT_KNOWN_YET = /^(Unrecognized Content-Security-Policy directive|Viewport argument key) /;

/** A port that is free now. */
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A display of its own, and its number: the X server takes the first that is free. */
async function display() {
  const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  child.on('error', () => undefined);
  const timer = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
  for await (const line of readline.createInterface({ input: child.stdio[3] })) {
    clearTimeout(timer);
    return { child, name: `:${line.trim()}` };
  }
  throw new Error('Xvfb did not start: is it installed?');
}

async function end(child, signal, group = false) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  if (group) process.kill(-child.pid, signal);
  else child.kill(signal);
  await gone;
}

/** What a selector of support/page.mjs asks for. */
function wanted(selector) {
  const role = /\[role="([^"]*)"\]/.exec(selector)?.[1];
  if (!selector.startsWith('::-p-aria(') || !(role in CANDIDATES)) throw new Error(`webkit: cannot look for ${selector}`);
  return { role, name: /\[name="([^"]*)"\]/.exec(selector)?.[1] };
}

class Element {
  #page;

  constructor(page, reference) {
    this.#page = page;
    this.reference = reference;
    this.at = `/element/${reference[ELEMENT]}`;
  }

  $(selector) {
    return this.#page.first(selector, this);
  }

  $$(selector) {
    return this.#page.all(selector, this);
  }

  evaluate(work, ...values) {
    return this.#page.evaluate(work, this.reference, ...values);
  }

  click() {
    return this.#page.ask('POST', `${this.at}/click`, {});
  }

  focus() {
    return this.evaluate((element) => element.focus());
  }
}

class Page {
  #session;
  #listeners = { pageerror: [], console: [] };
  keyboard = { type: (text) => this.#type(text) };

  constructor(session) {
    this.#session = session;
  }

  ask(method, at, body) {
    return this.#session.ask(method, at, body);
  }

  on(event, listener) {
    this.#listeners[event].push(listener);
  }

  /** A line that the browser wrote about the page. */
  heard(line) {
    const [, level, text] = CONSOLE.exec(line) ?? [];
    if (level === undefined || NOT_KNOWN_YET.test(text)) return;
    const message = { type: () => level.toLowerCase(), text: () => text };
    for (const listener of this.#listeners.console) listener(message);
  }

  /** What complains is on the console anyway. */
  async evaluateOnNewDocument() {}

  goto(url) {
    return this.ask('POST', '/url', { url });
  }

  reload() {
    return this.ask('POST', '/refresh', {});
  }

  close() {
    return this.goto('about:blank');
  }

  bringToFront() {}

  /** The driver has a deadline of its own: five minutes. */
  setDefaultNavigationTimeout() {}

  url() {
    return this.ask('GET', '/url');
  }

  evaluate(work, ...values) {
    return this.ask('POST', '/execute/sync', { script: `return (${work}).apply(null, arguments)`, args: values });
  }

  async all(selector, within = null) {
    const { role, name } = wanted(selector);
    const found = await this.ask('POST', `${within?.at ?? ''}/elements`, { using: 'css selector', value: CANDIDATES[role] });
    const elements = [];
    for (const element of found.map((reference) => new Element(this, reference))) {
      if ((await this.ask('GET', `${element.at}/computedrole`)) !== role) continue;
      if (name === undefined || (await this.ask('GET', `${element.at}/computedlabel`)) === name) elements.push(element);
    }
    return elements;
  }

  async first(selector, within = null) {
    return (await this.all(selector, within))[0] ?? null;
  }

  $(selector) {
    return this.first(selector);
  }

  $$(selector) {
    return this.all(selector);
  }

  async #type(text) {
    const keys = [...text].map((letter) => KEYS[letter] ?? letter);
    const actions = keys.flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]);
    await this.ask('POST', '/actions', { actions: [{ type: 'key', id: 'keyboard', actions }] });
  }
}

/** One session with the driver. */
class Session {
  #base;
  #id = '';

  constructor(port) {
    this.#base = `http://127.0.0.1:${port}/session`;
  }

  async #request(method, at, body) {
    const answer = await fetch(`${this.#base}${at}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`webkit: ${method} ${at}: ${value.error}: ${value.message}`);
    return value;
  }

  ask(method, at, body) {
    return this.#request(method, `/${this.#id}${at}`, body);
  }

  /** Also waits until the driver listens. */
  async begin(profile) {
    const options = { binary: PROGRAM, args: [profile] };
    const capabilities = { alwaysMatch: { browserName: 'MiniBrowser', 'webkitgtk:browserOptions': options } };
    const deadline = Date.now() + START_DEADLINE_MS;
    for (;;) {
      try {
        this.#id = (await this.#request('POST', '', { capabilities })).sessionId;
        return;
      } catch (error) {
        if (error.cause?.code !== 'ECONNREFUSED' || Date.now() > deadline) throw error;
      }
      await pause(50);
    }
  }

  async end() {
    await this.#request('DELETE', `/${this.#id}`);
  }
}

/** The whole browser, as a context of Puppeteer's that has one page. */
export class WebKit {
  #display;
  #driver;
  #session;
  #page;

  static async launch(program, profile) {
    const webkit = new WebKit();
    webkit.#display = await display();
    const port = await freePort();
    // A group of its own, so that a kill takes the browser and all its processes along.
    webkit.#driver = spawn(program, ['--host=127.0.0.1', `--port=${port}`], {
      env: { ...process.env, DISPLAY: webkit.#display.name, NO_AT_BRIDGE: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    webkit.#driver.on('error', () => undefined);
    webkit.#session = new Session(port);
    webkit.#page = new Page(webkit.#session);
    readline.createInterface({ input: webkit.#driver.stderr }).on('line', (line) => webkit.#page.heard(line));
    await webkit.#session.begin(profile);
    return webkit;
  }

  newPage() {
    return this.#page;
  }

  async kill() {
    await end(this.#driver, 'SIGKILL', true);
    await end(this.#display.child, 'SIGTERM');
  }

  async close() {
    await this.#session.end().catch(() => undefined);
    await this.kill();
  }
}

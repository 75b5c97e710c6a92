// A test's own world: one relay, one wire, and people with browsers. Everything is taken down again,
// and a page that complained on its console fails its test.

import test, { after } from 'node:test';

import { Browser, browserName } from './browser.mjs';
import { Tab } from './page.mjs';
import { Proxy } from './proxy.mjs';
import { Relay } from './relay.mjs';

export { browserName };

/** Ends a hang; the waits inside have deadlines of their own. */
const TEST_DEADLINE_MS = 240_000;

/** What browsers say by themselves when a relay is away: each test that cuts the wire causes it. */
const EXPECTED = [/WebSocket connection to .* failed/i, /can.t establish a connection to the server/i, /connection to .* was interrupted/i, /net::ERR_/, /Failed to load resource/];

let shared = null;

async function sharedBrowser() {
  shared ??= Browser.launch();
  return shared;
}

after(async () => {
  if (shared !== null) await (await shared).close();
});

/** Somebody with a browser context (or a whole browser) of their own and one or more tabs. */
export class Person {
  constructor(world, name, browser) {
    this.world = world;
    this.name = name;
    this.browser = browser;
    this.context = null;
    this.tabs = [];
  }

  /** The first tab. */
  get tab() {
    return this.tabs[0];
  }

  async openTab(hash = '') {
    if (this.context === null) await this.begin();
    const tab = await Tab.open(this.context, this.world.url, this.world.complaints, hash);
    this.tabs.push(tab);
    return tab;
  }

  async begin() {
    this.context = this.browser.own ? this.browser.puppet : await this.browser.puppet.createBrowserContext();
  }

  async closeTab(tab = this.tab) {
    this.tabs.splice(this.tabs.indexOf(tab), 1);
    await tab.close();
  }

  /** SIGKILL to the whole browser; `openTab` afterwards starts it again on the same profile. */
  async crash() {
    await this.browser.kill();
    this.tabs = [];
    await this.browser.relaunch();
    await this.begin();
  }

  async leave() {
    if (this.browser.own) await this.browser.close();
    else if (this.context !== null) await this.context.close();
  }
}

class World {
  people = [];
  complaints = [];

  static async create({ relayArgs = [], prefix = '' } = {}) {
    const world = new World();
    world.relay = await Relay.start(process.env.PAWL_TEST_SERVER, relayArgs);
    world.proxy = await Proxy.open(world.relay.port, prefix);
    world.url = `http://127.0.0.1:${world.proxy.port}${prefix}`;
    return world;
  }

  /** Somebody at an empty browser. `own`: what a browser process of their own needs (see Browser.launch). */
  async visitor(name, { own = browserName === 'webkit' ? {} : null } = {}) {
    const browser = own === null ? await sharedBrowser() : await Browser.launch(own);
    if (own !== null) browser.own = true;
    const person = new Person(this, name, browser);
    this.people.push(person);
    await person.openTab();
    return person;
  }

  /** Somebody with an account. */
  async person(name, options = {}) {
    const person = await this.visitor(name, options);
    await person.tab.createAccount(name);
    await person.tab.waitForConnection('Online');
    return person;
  }

  /** What nobody should have seen on a console. */
  unexpected() {
    return this.complaints.filter((text) => !EXPECTED.some((pattern) => pattern.test(text)));
  }

  async describe() {
    const screens = this.people.flatMap((person) => person.tabs.map(async (tab) => `--- screen of ${person.name}\n${await tab.screen()}`));
    return [...(await Promise.all(screens)), '--- consoles', ...this.complaints.slice(-20), '--- relay', this.relay.log].join('\n');
  }

  async close() {
    await Promise.allSettled(this.people.map((person) => person.leave()));
    await this.proxy.close();
    await this.relay.close();
  }
}

/** A test in a world of its own. */
export function scenario(name, options, body) {
  test(name, { timeout: TEST_DEADLINE_MS }, async (t) => {
    const world = await World.create(options);
    try {
      await body(world, t);
      const unexpected = world.unexpected();
      if (unexpected.length > 0) throw new Error(`the page complained:\n${unexpected.join('\n')}`);
    } catch (error) {
      t.diagnostic(await world.describe());
      throw error;
    } finally {
      await world.close();
    }
  });
}

/** Alice and Bob, each with an account. */
export async function aliceAndBob(world, options = {}) {
  const [alice, bob] = await Promise.all([world.person('alice', options.alice), world.person('bob', options.bob)]);
  return { alice, bob };
}

/** Alice and Bob in a conversation that both have open. */
export async function talking(world, options = {}) {
  const { alice, bob } = await aliceAndBob(world, options);
  await alice.tab.startConversation('bob');
  await alice.tab.send('hello bob');
  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage('hello bob');
  await alice.tab.waitForStatus('hello bob', 'Delivered', 'Read');
  return { alice, bob };
}

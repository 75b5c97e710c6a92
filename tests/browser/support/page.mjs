// The page as a screen reader finds it: by roles and names and by nothing else.

import { allOf, firstOf } from './roles.mjs';
import { until, untilValue } from './wait.mjs';

/** Longest load of the page on a busy machine; ends a hang only. */
const LOAD_DEADLINE_MS = 120_000;

const STATUSES = ['Sending', 'Waiting for you', 'Sent', 'Delivered', 'Read', 'Not sent'];

/** Runs in the page: each article of the log as the text in it and, for own messages, its status. */
function readArticles(log, statuses) {
  const hidden = (node) => node.hidden || node.getAttribute('aria-hidden') === 'true';
  const isStatus = (node) => node.children.length === 0 && statuses.includes(node.textContent.trim());
  const textOf = (node, without) => {
    if (node.nodeType === Node.TEXT_NODE) return node.data;
    if (node.nodeType !== Node.ELEMENT_NODE || node === without || hidden(node)) return '';
    return node.tagName === 'BR' ? '\n' : [...node.childNodes].map((child) => textOf(child, without)).join('');
  };
  return [...log.querySelectorAll('article, [role="article"]')].map((article) => {
    const status = [...article.querySelectorAll('*')].findLast(isStatus) ?? null;
    return { status: status?.textContent.trim() ?? null, text: textOf(article, status) };
  });
}

/** Runs in the page: accessible names of the items of a list of conversations. */
function readItems(navigation) {
  return [...navigation.querySelectorAll('li, [role="listitem"]')].map((item) => {
    const control = item.querySelector('a, button') ?? item;
    return (control.getAttribute('aria-label') ?? control.textContent).trim();
  });
}

/** Runs in the page: text goes in as if pasted, with the events of real input. */
function paste(element, text) {
  element.focus();
  element.select();
  document.execCommand('insertText', false, text);
}

/** Runs in the page: what the browser says of the network. */
function beOffline(offline) {
  Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => !offline });
  window.dispatchEvent(new Event(offline ? 'offline' : 'online'));
}

/** Runs in the page: what makes an element the part that it is; null where a screen reader does not find it. */
function identityOf(element) {
  const modal = document.querySelector('dialog:modal');
  const isBehind = modal !== null && !modal.contains(element);
  if (!element.isConnected || !element.checkVisibility() || isBehind || element.closest('[inert], [aria-hidden="true"]') !== null) return null;
  return ['role', 'aria-label', 'aria-labelledby'].map((name) => element.getAttribute(name)).join(' ');
}

/** Part of what Puppeteer asks is newer than the oldest Firefox that the laws hold in. */
function unlessUnknown(error) {
  if (!/unknown command|unsupported operation/.test(error.message)) throw error;
}

export class Tab {
  /** Parts of the page that were found before, by role and name: a search by role reads the whole page each time. */
  #parts = new Map();

  /** `person` is who sits in front of it: where complaints of the page are kept. */
  constructor(page, url, complaints) {
    this.page = page;
    this.url = url;
    page.setDefaultNavigationTimeout(LOAD_DEADLINE_MS);
    page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
    page.on('console', (message) => {
      const text = message.text();
      if (message.type() === 'error' || /content.security|trusted.?type/i.test(text)) complaints.push(`console ${message.type()}: ${text}`);
    });
  }

  static async open(context, url, complaints, hash = '') {
    // A window each: Chromium lets questions about the accessibility of a hidden tab hang.
    const tab = new Tab(await context.newPage({ type: 'window' }), url, complaints);
    await tab.page.evaluateOnNewDocument(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
      });
    });
    await tab.goto(hash);
    return tab;
  }

  async goto(hash = '') {
    await this.page.goto(`${this.url}/${hash}`, { waitUntil: 'domcontentloaded' });
  }

  /** The part of it behind the site's own address. */
  async address() {
    return this.page.evaluate(() => location.hash);
  }

  async reload() {
    await this.page.reload({ waitUntil: 'domcontentloaded' });
  }

  async close() {
    await this.page.close();
  }

  /** As large as this, in pixels of the page. */
  async resize(width, height) {
    await this.page.setViewport({ width, height }).catch((error) => {
      unlessUnknown(error);
      return this.page.mainFrame().browsingContext.setViewport({ viewport: { width, height } });
    });
    const seen = () => this.page.evaluate(() => [innerWidth, innerHeight]);
    await untilValue(`a page of ${width} × ${height}`, seen, (size) => size[0] === width && size[1] === height);
  }

  /** The browser says that there is no network. An older Firefox cannot be told so: there the page is. */
  async setOffline(offline) {
    try {
      await this.page.setOfflineMode(offline);
    } catch (error) {
      unlessUnknown(error);
      await this.page.evaluate(beOffline, offline);
    }
  }

  /** Waits until it says so anywhere on the screen. */
  async waitForText(text) {
    await until(`"${text}" on the screen`, () => this.page.evaluate((wanted) => document.body.innerText.includes(wanted), text));
  }

  /** Everything on the screen, for the report of a failure. */
  async screen() {
    return this.page.evaluate(() => `${location.hash}\n${document.body.innerText}`).catch((error) => `(${error.message})`);
  }

  /** A part of the page that stays for long, or null. It is searched for again once it is not what it was. */
  async #part(role, name) {
    const key = `${role} ${name}`;
    const known = this.#parts.get(key);
    if (known !== undefined && (await known.element.evaluate(identityOf).catch(() => null)) === known.identity) return known.element;
    this.#parts.delete(key);
    const element = await firstOf(this.page, role, name);
    const identity = await element?.evaluate(identityOf);
    if (typeof identity === 'string') this.#parts.set(key, { element, identity });
    return element;
  }

  async find(role, name, within = this.page, deadline = undefined) {
    return until(`${role} "${name ?? ''}"`, () => firstOf(within, role, name), deadline);
  }

  async has(role, name, within = this.page) {
    return (await firstOf(within, role, name)) !== null;
  }

  /** Waits until no such thing is there. */
  async gone(role, name) {
    await until(`no ${role} "${name}"`, async () => !(await this.has(role, name)));
  }

  async press(role, name, within = this.page) {
    await until(`press ${role} "${name}"`, async () => {
      const element = await firstOf(within, role, name);
      if (element === null) return false;
      await element.click();
      return true;
    });
  }

  async fill(name, text, within = this.page) {
    const box = await this.find('textbox', name, within);
    await box.evaluate(paste, text);
    await untilValue(`text in "${name}"`, () => box.evaluate((element) => element.value), (value) => value === text);
  }

  async valueOf(name, within = this.page) {
    const box = await this.find('textbox', name, within);
    return box.evaluate((element) => element.value);
  }

  /** The words of every alert on the screen. */
  async alerts(within = this.page) {
    const found = await allOf(within, 'alert');
    const texts = await Promise.all(found.map((alert) => alert.evaluate((element) => element.textContent.trim())));
    return texts.filter((text) => text !== '');
  }

  async waitForAlert(pattern = /./, within = this.page) {
    return untilValue(`an alert like ${pattern}`, () => this.alerts(within), (texts) => texts.some((text) => pattern.test(text)));
  }

  async connection() {
    const status = await this.#part('status', 'Connection');
    return status === null ? null : status.evaluate((element) => element.textContent.trim());
  }

  async waitForConnection(...wanted) {
    await untilValue(`connection ${wanted.join(' or ')}`, () => this.connection(), (text) => wanted.includes(text));
  }

  async createAccount(username) {
    await this.fill('Username', username);
    await this.press('button', 'Create account');
    await this.find('navigation', 'Conversations');
  }

  async openNewConversation(username) {
    await this.press('button', 'New conversation');
    const dialog = await this.find('dialog', 'New conversation');
    await this.fill('Username', username, dialog);
    await this.press('button', 'Start', dialog);
    return dialog;
  }

  async startConversation(username) {
    await this.openNewConversation(username);
    await this.waitForHeading(username);
    await this.gone('dialog', 'New conversation');
  }

  async waitForHeading(username) {
    await this.find('heading', username);
    await this.find('textbox', 'Message');
  }

  /** Accessible names of the conversations in the list, in its order. */
  async conversations() {
    const navigation = await until('the list of conversations', () => this.#part('navigation', 'Conversations'));
    return navigation.evaluate(readItems);
  }

  async waitForConversation(username) {
    return untilValue(`conversation with ${username}`, () => this.conversations(), (names) => names.some((name) => name.startsWith(username)));
  }

  async openConversation(username) {
    await this.waitForConversation(username);
    await this.goto(`#/c/${username}`);
    await this.waitForHeading(username);
  }

  /** As fast as fingers go: nothing is waited for after Enter. */
  async typeAndEnter(text) {
    await this.focusMessage();
    await this.page.keyboard.type(`${text}\n`);
  }

  /** Puts the cursor into the message box, unless it is there already. */
  async focusMessage() {
    await until('the message box has the focus', async () => {
      const box = await this.#part('textbox', 'Message');
      return box?.evaluate((element) => {
        if (document.activeElement !== element) element.focus();
        return document.activeElement === element;
      });
    });
  }

  /** Sends and waits until the message stands in the log. */
  async send(text) {
    await this.typeAndEnter(text);
    await this.waitForMessage(text);
  }

  /** Each message of the open conversation: its text, and its status where it is one's own. */
  async messages() {
    const log = await this.#part('log', 'Messages');
    return log === null ? [] : log.evaluate(readArticles, STATUSES);
  }

  async texts() {
    return (await this.messages()).map((message) => message.text);
  }

  /** Own messages only: from text to status. */
  async statuses() {
    const own = (await this.messages()).filter((message) => message.status !== null);
    return own.map((message) => [message.text, message.status]);
  }

  async waitForMessages(what, holds, deadline = undefined) {
    return untilValue(what, () => this.messages(), holds, deadline);
  }

  async waitForMessage(text) {
    await this.waitForMessages(`message "${text}"`, (all) => all.some((message) => message.text.includes(text)));
  }

  async waitForStatus(text, ...wanted) {
    await this.waitForMessages(`"${text}" is ${wanted.join(' or ')}`, (all) => {
      const message = all.find((one) => one.text.includes(text));
      return message !== undefined && wanted.includes(message.status);
    });
  }

  /** Waits until every own message has one of these statuses. */
  async waitForAll(...wanted) {
    await this.waitForMessages(`all own messages are ${wanted.join(' or ')}`, (all) => all.every((message) => message.status === null || wanted.includes(message.status)));
  }
}

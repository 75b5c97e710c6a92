// Launching a browser: profiles in temporary folders, kept over a SIGKILL where a test wants it.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

import puppeteer from 'puppeteer-core';

import { WebKit } from '../webkit/driver.mjs';

const NAMES = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  firefox: ['firefox-esr', 'firefox'],
  webkit: ['WebKitWebDriver'],
};

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A process for a page that nobody has opened costs more than it saves. */
const FIREFOX_PREFS = { 'dom.security.https_first': false, 'dom.ipc.processPrelaunch.enabled': false };

/** The executable of a browser: from the environment, else the first usual name on PATH. */
export function executableOf(browser) {
  const named = process.env[`PAWL_${browser.toUpperCase()}`];
  if (named) return named;
  for (const name of NAMES[browser]) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // The next name.
    }
  }
  throw new Error(`no ${browser}: install one of ${NAMES[browser].join(', ')} or set PAWL_${browser.toUpperCase()}`);
}

export const browserName = process.env.PAWL_TEST_BROWSER ?? 'chromium';

const executable = (name) => (name === browserName && process.env.PAWL_TEST_EXECUTABLE) || executableOf(name);

function launchOptions({ name, profile, args, firefoxPrefs }) {
  const common = { executablePath: executable(name), headless: true, userDataDir: profile, defaultViewport: { width: 1280, height: 800 }, protocolTimeout: 120_000 };
  if (name === 'chromium') return { ...common, args: [...CHROMIUM_ARGS, ...args] };
  return { ...common, browser: 'firefox', extraPrefsFirefox: { ...FIREFOX_PREFS, ...firefoxPrefs } };
}

/** One browser process and its profile. */
export class Browser {
  #options;
  #profile;

  /** `chromiumArgs`, `chromiumPreferences`, `firefoxPrefs`: what this test needs of each; `name`: another than the run's. */
  static async launch({ name = browserName, chromiumArgs = [], chromiumPreferences = null, firefoxPrefs = {} } = {}) {
    const browser = new Browser();
    browser.#profile = await mkdtemp(path.join(os.tmpdir(), 'pawl-profile-'));
    const used = process.env.PAWL_TEST_FIREFOX_PROFILE;
    if (name === 'firefox' && used !== undefined) await cp(used, browser.#profile, { recursive: true });
    if (name === 'chromium' && chromiumPreferences !== null) {
      await mkdir(path.join(browser.#profile, 'Default'));
      await writeFile(path.join(browser.#profile, 'Default', 'Preferences'), JSON.stringify(chromiumPreferences));
    }
    browser.#options = { name, profile: browser.#profile, args: chromiumArgs, firefoxPrefs };
    await browser.relaunch();
    return browser;
  }

  /** Starts it on the profile that it had. */
  async relaunch() {
    const { name, profile } = this.#options;
    this.puppet = name === 'webkit' ? await WebKit.launch(executable(name), profile) : await puppeteer.launch(launchOptions(this.#options));
  }

  /** No time to finish anything: as a crash or a flat battery would. */
  async kill() {
    if (this.#options.name === 'webkit') return this.puppet.kill();
    const child = this.puppet.process();
    const gone = once(child, 'exit');
    // Puppeteer makes the browser the leader of its own group: its helpers go with it.
    process.kill(-child.pid, 'SIGKILL');
    await gone;
    await this.puppet.disconnect().catch(() => undefined);
    await this.#preferencesAreBack();
  }

  /** Puppeteer puts a Firefox profile's own preferences back when the process has ended, and tells nobody when it has. */
  async #preferencesAreBack() {
    const saved = ['prefs.js', 'user.js'].map((name) => path.join(this.#profile, `${name}.puppeteer`));
    for (let tries = 0; tries < 200 && saved.some((file) => existsSync(file)); tries += 1) await setTimeout(25);
  }

  /** Ends it and gives its profile, which the caller deletes. */
  async retire() {
    await this.puppet.close();
    await this.#preferencesAreBack();
    return this.#profile;
  }

  async close() {
    await this.puppet.close().catch(() => this.kill().catch(() => undefined));
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

// The browser tests' entry: real browsers against the real relay binary.
//
//   node tests/browser/run.mjs --browser firefox|chromium|webkit --server PATH --terminal PATH [--only PATTERN] [--screenshots DIR]
//
// PATTERN is matched against test names. Exits with node:test's verdict. Browsers are found by PAWL_FIREFOX,
// PAWL_CHROMIUM or PAWL_WEBKIT (its WebDriver), else by their usual names on PATH. WebKit has one flow of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Browser, executableOf } from './support/browser.mjs';

/** Files of tests at once: a law waits more than it computes. Each file has browsers, relays and ports of its own. */
const LANES = 2;

const here = path.dirname(fileURLToPath(import.meta.url));

function options() {
  const { values } = parseArgs({
    options: {
      browser: { type: 'string' },
      server: { type: 'string' },
      terminal: { type: 'string' },
      only: { type: 'string' },
      screenshots: { type: 'string' },
    },
  });
  if (!['firefox', 'chromium', 'webkit'].includes(values.browser)) throw new Error('--browser firefox, chromium or webkit');
  if (values.server === undefined) throw new Error('--server PATH: the relay binary');
  if (values.terminal === undefined) throw new Error('--terminal PATH: the program for terminals');
  return values;
}

function testFiles(browser, screenshots) {
  const all = browser === 'webkit' ? ['webkit'] : ['support', 'laws', 'refusals'];
  const folders = screenshots === undefined ? all : ['screenshots'];
  return folders.flatMap((folder) =>
    readdirSync(path.join(here, folder))
      .filter((name) => name.endsWith('.test.mjs'))
      .map((name) => path.join(here, folder, name)),
  );
}

/** Firefox takes half the time to start on a profile that it was started on once: each begins with a copy of this one. */
async function usedProfile() {
  const browser = await Browser.launch({ name: 'firefox' });
  return browser.retire();
}

async function main() {
  const { browser, server, terminal, only, screenshots } = options();
  const environment = {
    ...process.env,
    PAWL_TEST_BROWSER: browser,
    PAWL_TEST_EXECUTABLE: executableOf(browser),
    PAWL_TEST_SERVER: path.resolve(server),
    PAWL_TEST_TERMINAL: path.resolve(terminal),
    ...(screenshots === undefined ? {} : { PAWL_TEST_SCREENSHOTS: path.resolve(screenshots) }),
  };
  const flags = ['--test', `--test-concurrency=${LANES}`, '--test-reporter=spec'];
  if (only !== undefined) flags.push(`--test-name-pattern=${only}`);
  const profile = browser === 'firefox' ? await usedProfile() : null;
  if (profile !== null) environment.PAWL_TEST_FIREFOX_PROFILE = profile;
  const child = spawn(process.execPath, [...flags, ...testFiles(browser, screenshots)], { env: environment, stdio: 'inherit' });
  const [code] = await once(child, 'exit');
  process.exitCode = code ?? 1;
  if (profile !== null) await rm(profile, { recursive: true, force: true });
}

try {
  await main();
} catch (error) {
  console.error(`tests/browser: ${error.message}`);
  process.exitCode = 2;
}

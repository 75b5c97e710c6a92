// The first minutes of somebody who has downloaded the server's archive: it is unpacked into an empty folder and started
// by the line that its README.txt gives, with no program on PATH, and two browsers that are open already talk.
//
//   node tests/release/first.mjs --archive FILE
//
// Prints one row: milliseconds from the start of the server until it serves, until both have accounts, and until the
// answer of the second page says Delivered. The goal is for people to know; a busy machine fails nothing by it.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs } from 'node:util';

import { Browser } from '../browser/support/browser.mjs';
import { Tab } from '../browser/support/page.mjs';

const GOAL_MS = 20_000;

/** Ends a hang only. */
const PATIENCE_MS = 240_000;

const { values } = parseArgs({ options: { archive: { type: 'string' } } });

/** Unpacks into an empty folder; the one folder in it. */
async function unpack(folder) {
  execFileSync('tar', ['-xzf', path.resolve(values.archive), '-C', folder]);
  const [top, ...more] = await readdir(folder);
  assert.deepEqual(more, [], 'an archive unpacks into one folder');
  return path.join(folder, top);
}

/** The first line that README.txt says to type. */
async function command(folder) {
  const text = await readFile(path.join(folder, 'README.txt'), 'utf8');
  return text.split('\n').find((line) => line.startsWith('    ')).trim();
}

class Server {
  printed = '';

  /** On a free port, which is all that is not as the line says. */
  async start(folder) {
    const line = await command(folder);
    const env = { PATH: '/nowhere', HOME: folder, PAWL_LISTEN: '127.0.0.1:0' };
    this.child = spawn('/bin/sh', ['-c', `exec ${line}`], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stderr.on('data', (chunk) => { this.printed += chunk; });
    for await (const said of readline.createInterface({ input: this.child.stdout })) {
      this.printed += `${said}\n`;
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
      if (address !== null) {
        this.child.stdout.resume();
        return address[0];
      }
    }
    throw new Error('the server ended without printing its address');
  }

  async stop() {
    if (this.child === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    assert.deepEqual(await gone, [0, null], 'the server ends when it is asked to');
  }
}

async function account(browser, url, name, complaints) {
  const tab = await Tab.open(await browser.puppet.createBrowserContext(), url, complaints);
  await tab.createAccount(name);
  await tab.waitForConnection('Online');
  return tab;
}

async function talk(server, folder, browsers) {
  const complaints = [];
  const begin = performance.now();
  const passed = () => Math.round(performance.now() - begin);
  const url = await server.start(folder);
  const serving = passed();
  const [anna, bela] = await Promise.all(['anna', 'bela'].map((name, index) => account(browsers[index], url, name, complaints)));
  const accounts = passed();
  await anna.startConversation('bela');
  await anna.send('Does it work?');
  await bela.openConversation('anna');
  await bela.waitForMessage('Does it work?');
  await bela.send('It does.');
  await bela.waitForStatus('It does.', 'Delivered', 'Read');
  const delivered = passed();
  await anna.waitForMessage('It does.');
  assert.deepEqual(complaints, [], 'the page complains of nothing');
  return { row: 'first', serving_ms: serving, accounts_ms: accounts, delivered_ms: delivered, goal_ms: GOAL_MS };
}

async function main() {
  const patience = setTimeout(() => {
    console.error('the first minutes have no end');
    process.exit(1);
  }, PATIENCE_MS);
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pawl-first-'));
  const browsers = await Promise.all(['chromium', 'firefox'].map((name) => Browser.launch({ name })));
  const server = new Server();
  try {
    console.log(JSON.stringify(await talk(server, await unpack(folder), browsers)));
    await server.stop();
  } catch (error) {
    console.error(server.printed);
    throw error;
  } finally {
    server.child?.kill('SIGKILL');
    await Promise.all(browsers.map((browser) => browser.close()));
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    clearTimeout(patience);
  }
}

await main();

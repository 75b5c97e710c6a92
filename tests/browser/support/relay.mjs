// The real relay binary on a free port with a data folder of its own, killed and started again at will.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const ADDRESS = /http:\/\/127\.0\.0\.1:(\d+)/;

/** Without what tests are told: the relay would take it for settings. */
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PAWL_')));

/** Longest wait for the printed address; ends a hang only. */
const START_DEADLINE_MS = 60_000;

async function printedPort(child) {
  const lines = readline.createInterface({ input: child.stdout });
  const timer = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
  try {
    for await (const line of lines) {
      const match = ADDRESS.exec(line);
      if (match !== null) return Number(match[1]);
    }
  } finally {
    clearTimeout(timer);
    child.stdout.resume();
  }
  throw new Error('the relay ended without printing its address');
}

export class Relay {
  #binary;
  #args;
  #child = null;
  #printed = [];

  static async start(binary, args = []) {
    const relay = new Relay();
    relay.#binary = binary;
    relay.#args = args;
    relay.data = await mkdtemp(path.join(os.tmpdir(), 'pawl-relay-'));
    relay.port = 0;
    await relay.restart();
    return relay;
  }

  /** Starts it where it was before: same port, same data. */
  async restart() {
    const args = ['--listen', `127.0.0.1:${this.port}`, '--data', this.data, ...this.#args];
    this.#child = spawn(this.#binary, args, { env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.on('error', (error) => this.#printed.push(String(error)));
    this.#child.stderr.on('data', (chunk) => this.#printed.push(chunk.toString()));
    try {
      this.port = await printedPort(this.#child);
    } catch (error) {
      throw new Error(`${error.message}\n${this.log}`, { cause: error });
    }
  }

  /** What it wrote to stderr. */
  get log() {
    return this.#printed.join('').slice(-4_000);
  }

  get running() {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async kill(signal = 'SIGKILL') {
    if (!this.running) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }

  /**
   * Takes a name from the account that has it, which keeps all the rest, and so frees it for another.
   * The relay is stopped for it: the name is overwritten in its file by `other`, as long and in the
   * same place of the order.
   */
  async rename(username, other) {
    if (username.length !== other.length) throw new Error('rename: both names must be of one length');
    await this.kill('SIGTERM');
    const { files } = await this.stored();
    for (const file of files) {
      const bytes = await readFile(file);
      if (file.endsWith('-wal') && bytes.length > 0) throw new Error('rename: the relay left a write-ahead log behind');
      await writeFile(file, Buffer.from(bytes.toString('latin1').replaceAll(username, other), 'latin1'));
    }
    await this.restart();
  }

  /** Every byte that it keeps: database, write-ahead log, and whatever else is in its folder. */
  async stored() {
    const names = await readdir(this.data, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
    return { files, bytes: Buffer.concat(await Promise.all(files.map((file) => readFile(file)))) };
  }

  async close() {
    await this.kill();
    await rm(this.data, { recursive: true, force: true, maxRetries: 5 });
  }
}

// Somebody at a terminal: the real `pawl` binary with a store of its own, in the same world as the browsers.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Bytes that a command may print: ten thousand messages. */
const MAX_PRINTED = 64 << 20;

/** Seconds that a command waits for the relay, and longest wait for its end; ends a hang only. */
const PATIENCE_S = 120;

export class Terminal {
  #folder;
  #relay;
  #following = null;
  tabs = [];

  /** With an account at the world's relay; the world takes it down again. */
  static async register(world, name) {
    const terminal = new Terminal();
    terminal.name = name;
    terminal.#folder = await mkdtemp(path.join(os.tmpdir(), 'pawl-terminal-'));
    terminal.#relay = world.url;
    world.people.push(terminal);
    await terminal.run('register', name, '--relay', terminal.#relay);
    return terminal;
  }

  #arguments(command) {
    const store = path.join(this.#folder, 'store');
    return ['--store', store, '--key-file', `${store}.key`, '--timeout', String(PATIENCE_S), ...command];
  }

  /** What a command prints; one that does not succeed is an error with what it said. */
  async run(...command) {
    const { stdout } = await run(process.env.PAWL_TEST_TERMINAL, this.#arguments(command), { timeout: 2 * PATIENCE_S * 1_000, maxBuffer: MAX_PRINTED });
    return stdout;
  }

  /** The objects that a command prints. */
  async json(...command) {
    const printed = await this.run('--json', ...command);
    return printed.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
  }

  /** Writes many lines with one connection; ends when the relay has them. */
  async feed(name, texts) {
    const child = spawn(process.env.PAWL_TEST_TERMINAL, this.#arguments(['send', name, '--lines']), { stdio: ['pipe', 'ignore', 'inherit'] });
    const gone = once(child, 'exit');
    child.stdin.end(texts.map((text) => `${text}\n`).join(''));
    const [code] = await gone;
    if (code !== 0) throw new Error(`${this.name}'s terminal ended with ${code}`);
  }

  /** Stays and receives; each call of what this gives waits for the next line. */
  follow() {
    const child = spawn(process.env.PAWL_TEST_TERMINAL, this.#arguments(['--json', 'receive', '--follow']), { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#following = child;
    const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return async () => {
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_S * 1_000);
      const { value, done } = await lines.next();
      clearTimeout(timer);
      if (done) throw new Error(`${this.name}'s terminal ended`);
      return JSON.parse(value);
    };
  }

  async stopFollowing(signal = 'SIGTERM') {
    const child = this.#following;
    this.#following = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  async leave() {
    await this.stopFollowing('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

// Whether programs work that were built for a release: a relay, two people at terminals, a text each way.
//
//   node tests/release/trial.mjs --server PATH --terminal PATH [--runner PATH]
//
// RUNNER runs programs of another architecture (qemu-aarch64).

import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { Relay } from '../browser/support/relay.mjs';
import { Terminal } from '../browser/support/terminal.mjs';

const { values } = parseArgs({
  options: { server: { type: 'string' }, terminal: { type: 'string' }, runner: { type: 'string' } },
});

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A program that can be started as it is. */
async function startable(folder, program) {
  if (values.runner === undefined) return program;
  const script = path.join(folder, path.basename(program));
  await writeFile(script, `#!/bin/sh\nexec ${quoted(values.runner)} ${quoted(program)} "$@"\n`);
  await chmod(script, 0o755);
  return script;
}

async function write(sender, recipient, text) {
  await sender.run('send', recipient.name, text);
  const messages = await recipient.json('receive');
  assert.deepEqual(messages.map((one) => [one.type, one.from, one.text]), [['message', sender.name, text]]);
}

async function converse(server) {
  const relay = await Relay.start(server);
  const world = { url: `http://127.0.0.1:${relay.port}`, people: [] };
  try {
    const anna = await Terminal.register(world, 'anna');
    const bela = await Terminal.register(world, 'bela');
    await write(anna, bela, 'does it work?');
    await write(bela, anna, 'it does');
  } catch (error) {
    console.error(relay.log);
    throw error;
  } finally {
    await Promise.all(world.people.map((one) => one.leave()));
    await relay.close();
  }
}

const folder = await mkdtemp(path.join(os.tmpdir(), 'pawl-trial-'));
try {
  process.env.PAWL_TEST_TERMINAL = await startable(folder, values.terminal);
  await converse(await startable(folder, values.server));
  console.log('    a relay, two accounts, a text each way');
} finally {
  await rm(folder, { recursive: true, force: true });
}

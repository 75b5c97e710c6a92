import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { Terminal } from '../support/terminal.mjs';
import { until } from '../support/wait.mjs';
import { scenario } from '../support/world.mjs';

const run = promisify(execFile);

const texts = (lines) => lines.map((line) => line.text);

scenario('terminal: a browser and a terminal write to each other, and each sees how far it came', {}, async (world) => {
  const alice = await world.person('alice');
  const bob = await Terminal.register(world, 'bob');
  await alice.tab.startConversation('bob');
  await alice.tab.send('hello terminal');
  await alice.tab.waitForStatus('hello terminal', 'Sent');
  const next = bob.follow();
  assert.equal((await next()).text, 'hello terminal');
  await alice.tab.waitForStatus('hello terminal', 'Read');

  await bob.run('send', 'alice', 'hello browser\n<b>👋</b>');
  await alice.tab.waitForMessages('two lines', (all) => all.some((one) => one.text.includes('hello browser\n<b>👋</b>')));
  await alice.tab.send('in turn');
  assert.equal((await next()).text, 'in turn');
  await bob.stopFollowing();

  // That it was read is told a moment later, and a terminal hears it when it looks.
  await until('the terminal knows that it was read', async () => {
    await bob.json('receive');
    const own = (await bob.json('history', 'alice')).filter((line) => line.from === 'bob');
    return own.length === 1 && own[0].status === 'read';
  });
});

scenario('terminal: one that was away, and was killed, misses nothing and shows nothing twice', {}, async (world) => {
  const alice = await world.person('alice');
  const bob = await Terminal.register(world, 'bob');
  await bob.run('send', 'alice', 'the terminal begins');
  await alice.tab.openConversation('bob');
  await alice.tab.waitForMessage('the terminal begins');
  await alice.tab.send('one');
  const next = bob.follow();
  assert.equal((await next()).text, 'one');
  await bob.stopFollowing('SIGKILL');
  await alice.tab.send('two');
  await alice.tab.send('three');
  await alice.tab.waitForStatus('three', 'Sent');
  const rest = texts(await bob.json('receive'));
  // What was printed and not yet noted down when it was killed may come again.
  assert.deepEqual(rest.filter((text) => text !== 'one'), ['two', 'three']);
  assert.deepEqual(await bob.json('receive'), []);
  await alice.tab.waitForStatus('three', 'Delivered', 'Read');
});

scenario('terminal: both see one safety number', {}, async (world) => {
  const alice = await world.person('alice');
  const bob = await Terminal.register(world, 'bob');
  await bob.run('send', 'alice', 'compare?');
  await alice.tab.openConversation('bob');
  await alice.tab.press('button', 'Safety number');
  const dialog = await alice.tab.find('dialog', 'Safety number');
  const read = () => dialog.evaluate((element) => /(\d{5}\s?){12}/.exec(element.textContent)?.[0]);
  const number = await until('the sixty digits', read);
  const [shown] = await bob.json('verify', 'alice', '--number', number);
  assert.equal(shown.number, number.replaceAll(/\s/g, ''));
  assert.equal(shown.identity, 'verified');
});

/** How `pawl verify-site` ends for a world's page, and what it says; the list is the relay's own. */
async function verifySite(t, world) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pawl-list-'));
  t.after(() => { rmSync(folder, { recursive: true, force: true }); });
  const list = path.join(folder, 'page.sha256');
  writeFileSync(list, (await run(process.env.PAWL_TEST_SERVER, ['assets'])).stdout);
  const ended = run(process.env.PAWL_TEST_TERMINAL, ['verify-site', world.url, '--release', list]);
  return ended.then(({ stdout }) => ({ code: 0, said: stdout }), ({ code, stdout, stderr }) => ({ code, said: `${stdout}${stderr}` }));
}

for (const prefix of ['', '/chat']) {
  scenario(`terminal: the page at "${prefix}/" is the one that the relay's binary lists`, { prefix }, async (world, t) => {
    const { code, said } = await verifySite(t, world);
    assert.equal(code, 0, said);
    assert.match(said, /has the page of this release: \d\d files and 9 headers are the same/);
  });
}

scenario('terminal: a worker that something on the way changes is named', {}, async (world, t) => {
  world.proxy.rewrite(/^\/assets\/worker-.*\.js$/, (script) => `${script} `);
  const { code, said } = await verifySite(t, world);
  assert.equal(code, 1, said);
  assert.match(said, /^assets\/worker-[^ ]+\.js: other content: SHA-256 /);
  assert.match(said, /\nContent-Security-Policy of assets\/worker-[^ ]+\.js: missing\n/);
});

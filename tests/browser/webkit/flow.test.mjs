import assert from 'node:assert/strict';

import { Terminal } from '../support/terminal.mjs';
import { untilValue } from '../support/wait.mjs';
import { scenario } from '../support/world.mjs';

const LINES = Array.from({ length: 250 }, (_, index) => `line ${String(index + 1).padStart(3, '0')}`);

const NUMBER = /(\d{5}\s?){12}/;

/** Runs in the page: as far up as is loaded. */
const scrollUp = (log) => {
  log.scrollTop = log.clientHeight - log.scrollHeight;
};

const lines = (texts) => texts.flatMap((text) => text.match(/line \d{3}/g) ?? []);

scenario('webkit: two people, a reload, a kill, a long history, one safety number', {}, async (world) => {
  const alice = await world.person('alice');
  const bob = await Terminal.register(world, 'bob');
  await alice.tab.startConversation('bob');
  await alice.tab.send('hello terminal');
  await alice.tab.waitForStatus('hello terminal', 'Sent');
  const next = bob.follow();
  assert.equal((await next()).text, 'hello terminal');
  await alice.tab.waitForStatus('hello terminal', 'Read');
  await bob.stopFollowing();
  await bob.run('send', 'alice', 'hello WebKit');
  await alice.tab.waitForMessage('hello WebKit');

  await alice.tab.reload();
  await alice.tab.waitForMessage('hello WebKit');
  await alice.tab.waitForConnection('Online');

  await alice.tab.send('before the kill');
  await alice.tab.waitForStatus('before the kill', 'Sent');
  await alice.crash();
  await bob.feed('alice', LINES);
  await alice.openTab('#/c/bob');
  await alice.tab.waitForMessage(LINES.at(-1));

  await untilValue('the first message', async () => {
    const log = await alice.tab.find('log', 'Messages');
    await log.evaluate(scrollUp);
    return alice.tab.texts();
  }, (texts) => texts[0].includes('hello terminal'));
  const texts = await alice.tab.texts();
  assert.deepEqual(lines(texts), LINES);
  assert.equal(texts.filter((text) => text.includes('before the kill')).length, 1);
  await alice.tab.waitForStatus('before the kill', 'Delivered', 'Read');

  await alice.tab.press('button', 'Safety number');
  const dialog = await alice.tab.find('dialog', 'Safety number');
  const text = await untilValue('twelve groups of digits', () => dialog.evaluate((element) => element.textContent), (seen) => NUMBER.test(seen));
  const [number] = NUMBER.exec(text);
  const [shown] = await bob.json('verify', 'alice', '--number', number);
  assert.equal(shown.number, number.replaceAll(/\s/g, ''));
  assert.equal(shown.identity, 'verified');
});

import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';

import { Terminal } from '../support/terminal.mjs';
import { untilValue } from '../support/wait.mjs';
import { browserName, scenario } from '../support/world.mjs';

if (browserName !== 'webkit') throw new Error('this flow is for WebKit: run.mjs --browser webkit');

const LINES = Array.from({ length: 250 }, (_, index) => `line ${String(index + 1).padStart(3, '0')}`);

const NUMBER = /(\d{5}\s?){12}/;

/** How far the line that is read may move while older ones come in above it: less than is seen. */
const PIXELS = 2;

/** Looks at the line after each scroll: longer than older lines take to come, and than room for more is made. */
const LOOKS = 8;

/** Runs in the page: a screen further up; remembers the line that then is first in view. */
function scrollUp(log) {
  log.scrollTop -= log.clientHeight;
  const edge = log.getBoundingClientRect().top;
  globalThis.read = [...log.querySelectorAll('article')].find((one) => one.getBoundingClientRect().top >= edge);
  globalThis.readAt = globalThis.read.getBoundingClientRect().top;
}

/** Runs in the page: how far that line has moved, how many are loaded, and whether the oldest is. */
function look(log) {
  const articles = [...log.querySelectorAll('article')];
  const moved = globalThis.read.getBoundingClientRect().top - globalThis.readAt;
  const [done, room] = [articles[0].textContent.includes('hello terminal'), log.firstElementChild.style.minHeight];
  return { moved, there: globalThis.read.isConnected, loaded: articles.length, done, top: log.scrollTop, height: log.scrollHeight, room };
}

/** Reads up to the beginning, as a person does, and holds the law that nothing moves meanwhile. */
async function readUp(tab) {
  const log = await tab.find('log', 'Messages');
  let [loaded, grown] = [Infinity, 0];
  for (let screen = 0; screen < 60; screen += 1) {
    await log.evaluate(scrollUp);
    for (let time = 0; time < LOOKS; time += 1) {
      const seen = await log.evaluate(look);
      assert.ok(seen.there && Math.abs(seen.moved) < PIXELS, `screen ${screen}, look ${time}: ${JSON.stringify(seen)}`);
      if (seen.loaded > loaded) grown += 1;
      loaded = seen.loaded;
      if (seen.done && grown > 0) return;
      await setTimeout(40);
    }
  }
  throw new Error(`the beginning did not come: ${loaded} loaded`);
}

const lines = (texts) => texts.flatMap((text) => text.match(/line \d{3}/g) ?? []);

scenario('webkit: two people, a reload, a kill, a history read up in its place, one safety number', {}, async (world) => {
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

  // What comes while a page is there stays on it; a page that is opened begins with the newest.
  await alice.tab.reload();
  await alice.tab.waitForMessage(LINES.at(-1));
  await readUp(alice.tab);
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

import assert from 'node:assert/strict';

import { marks } from '../support/series.mjs';
import { Terminal } from '../support/terminal.mjs';
import { until, untilValue } from '../support/wait.mjs';
import { aliceAndBob, scenario } from '../support/world.mjs';

const COUNT = 60;

/** Where the separator stands in the log: 0 is its upper end, 1 its lower. */
async function placeOf(tab) {
  const separator = await tab.find('separator', 'New messages');
  return separator.evaluate((line) => {
    const log = line.closest('[role="log"]').getBoundingClientRect();
    return (line.getBoundingClientRect().top - log.top) / log.height;
  });
}

scenario('unread: one begins at the first new message; what comes into view is read, the rest waits below', {}, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await alice.tab.startConversation('bob');
  await alice.tab.send('seen before');
  await bob.tab.page.bringToFront();
  await bob.tab.openConversation('alice');
  await alice.tab.waitForStatus('seen before', 'Read');
  await bob.tab.goto('#/');
  const texts = marks('alice', COUNT);
  for (const text of texts) await alice.tab.typeAndEnter(text);
  await alice.tab.waitForStatus(texts.at(-1), 'Delivered');

  await bob.tab.page.bringToFront();
  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage(texts[0]);
  await untilValue('the separator is a third down', () => placeOf(bob.tab), (place) => place > 0.2 && place < 0.45);
  await alice.tab.waitForStatus(texts[0], 'Read');
  const button = await bob.tab.find('button', 'Jump to latest');
  const waiting = Number(await button.evaluate((element) => element.querySelector('[data-label]').dataset.label));
  assert.ok(waiting > 0 && waiting < COUNT, `${waiting} wait below`);
  assert.equal(await alice.tab.statuses().then((all) => all.at(-1)[1]), 'Delivered');

  await button.click();
  await alice.tab.waitForStatus(texts.at(-1), 'Read');
  await until('nothing waits', async () => !(await bob.tab.has('button', 'Jump to latest')));
});

/** Loaded by two hundred, the last fifty are left. */
const CROWD = 2_350;

/** How many unread messages the list tells of the first conversation. */
async function unreadIn(tab) {
  const [name] = await tab.conversations();
  return Number(/\((\d+) unread/.exec(name ?? '')?.[1] ?? 0);
}

/** Alice opens a conversation in which so many lines of Bob's are unread. */
async function openCrowd(world) {
  const alice = await world.person('alice');
  const bob = await Terminal.register(world, 'bob');
  const lines = Array.from({ length: CROWD }, (_, index) => `line ${index} of many`);
  await bob.feed('alice', lines);
  await untilValue('all are there', () => unreadIn(alice.tab), (count) => count === CROWD, 90_000);
  await alice.tab.page.bringToFront();
  await alice.tab.openConversation('bob');
  await alice.tab.waitForMessage(lines[0]);
  return { alice, lines };
}

scenario('unread: with more than the page holds at once one begins at the first, reads on without a gap, and may jump', {}, async (world) => {
  const { alice, lines } = await openCrowd(world);
  const place = await placeOf(alice.tab);
  assert.ok(place >= 0 && place < 0.45, `the separator is at ${place}`);
  await untilValue('some are read', () => unreadIn(alice.tab), (count) => count < CROWD);
  assert.ok((await unreadIn(alice.tab)) > CROWD - 100, 'and no more than were in view');

  const log = await alice.tab.find('log', 'Messages');
  await until('five pages are read', async () => {
    await log.evaluate((element) => { element.scrollTop += element.clientHeight; });
    return (await unreadIn(alice.tab)) < CROWD - 500;
  }, 60_000);
  const texts = await alice.tab.texts();
  assert.deepEqual(texts, lines.slice(0, texts.length));
  assert.ok(texts.length < CROWD, `${texts.length} are held`);

  await alice.tab.press('button', 'Jump to latest');
  await alice.tab.waitForMessage(lines.at(-1));
  await untilValue('all are read', () => unreadIn(alice.tab), (count) => count === 0);
  assert.equal(await alice.tab.has('button', 'Jump to latest'), false);
});

scenario('unread: one press goes to the latest also where few lines are not loaded yet', {}, async (world) => {
  const { alice, lines } = await openCrowd(world);
  await placeOf(alice.tab);
  const log = await alice.tab.find('log', 'Messages');
  // Near enough for more to be loaded, which then stands below.
  const held = await untilValue('all but a few lines', () => log.evaluate((element, enough) => {
    const count = element.querySelectorAll('article').length;
    if (count <= enough) element.scrollTop = -2 * element.clientHeight;
    return count;
  }, CROWD - 100), (count) => count > CROWD - 100, 60_000);
  assert.ok(held < CROWD, `${held} are held`);
  await alice.tab.press('button', 'Jump to latest');
  await alice.tab.waitForMessage(lines.at(-1));
  await untilValue('the latest is in view', () => log.evaluate((element) => -element.scrollTop), (left) => left < 1);
  await alice.tab.gone('button', 'Jump to latest');
});

import assert from 'node:assert/strict';

import { marks } from '../support/series.mjs';
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

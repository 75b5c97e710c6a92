import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

import { registrationOf } from '../support/accounts.mjs';
import { CLIENT, kindOf, pick } from '../support/protobuf.mjs';
import { until } from '../support/wait.mjs';
import { advanceClock, makeWorkersAdjustable } from '../support/worker.mjs';
import { scenario, talking } from '../support/world.mjs';

const HOUR_MS = 60 * 60 * 1_000;
const LINE = /A message from alice couldn’t be opened/g;
/** Short enough that the connection is not taken for dead. */
const LOOK_MS = 20_000;
const LOOKS = 60;

/** How often the line stands in the open conversation: it is no message. */
async function lines(tab) {
  const log = await tab.find('log', 'Messages');
  return (await log.evaluate((element) => element.innerText)).match(LINE)?.length ?? 0;
}

/** Time passes, and the worker has something to do. */
async function look(tab) {
  await advanceClock(tab, LOOK_MS);
  await tab.fill('Message', `are you there? ${Math.random()}`);
  await pause(500);
}

scenario('unreadable: what could not be opened and whose sender is gone is one line with its cause, after a day; the text comes when they are back', {}, async (world) => {
  makeWorkersAdjustable(world);
  const { alice, bob } = await talking(world);
  const toBob = registrationOf(world, 'bob').account;
  let altered = 0;
  world.proxy.tamper((direction, payload) => {
    if (altered > 0 || direction !== 'up' || kindOf(payload) !== CLIENT.submit || !pick(payload, CLIENT.submit, 2, 1).equals(toBob)) return payload;
    altered += 1;
    const out = Buffer.from(payload);
    out[out.length - 5] ^= 1;
    return out;
  });
  // His device asks hers as soon as it sees what does not open: she is gone by then.
  world.proxy.hold('up', (payload) => kindOf(payload) === CLIENT.fetchBundle);
  await alice.tab.send('altered on the way');
  await until('his question', () => world.proxy.held > 0);
  await alice.closeTab();
  world.proxy.release();
  assert.equal(altered, 1);

  await advanceClock(bob.tab, 22 * HOUR_MS);
  for (let looks = 0; looks < 5; looks += 1) await look(bob.tab);
  assert.equal(await lines(bob.tab), 0, 'her device may still answer');
  // From then on she has a minute after he came online and after each time he asked.
  await advanceClock(bob.tab, 2 * HOUR_MS);
  for (let looks = 0; looks < LOOKS && (await lines(bob.tab)) === 0; looks += 1) await look(bob.tab);
  assert.equal(await lines(bob.tab), 1);

  await alice.openTab('#/c/bob');
  await bob.tab.waitForMessage('altered on the way');
  assert.equal(await lines(bob.tab), 1, 'it was said once');
  assert.equal((await bob.tab.texts()).filter((text) => text.includes('altered on the way')).length, 1);
});

import assert from 'node:assert/strict';

import { marksIn } from '../support/series.mjs';
import { freezeWorker, makeWorkersAdjustable } from '../support/worker.mjs';
import { aliceAndBob, scenario } from '../support/world.mjs';

/** A browser may stop a tab that nobody looks at, with all it holds, and let it go on later. */
scenario('frozen tab: another takes the lead from it, and once it thaws both show the same and both can send', {}, async (world) => {
  makeWorkersAdjustable(world);
  const { alice, bob } = await aliceAndBob(world);
  await alice.tab.startConversation('bob');
  await alice.tab.send('hello bob');
  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage('hello bob');
  // The one that leads can be stopped, the second one not.
  makeWorkersAdjustable(world, false);
  const second = await alice.openTab('#/c/bob');
  await second.waitForMessage('hello bob');
  const thaw = await freezeWorker(world, alice.tab);

  await second.typeAndEnter('alice#001');
  await bob.tab.typeAndEnter('bob#001');
  await second.waitForStatus('alice#001', 'Delivered', 'Read');
  await second.waitForMessage('bob#001');
  assert.deepEqual(marksIn(await alice.tab.messages(), 'bob'), [], 'it is still frozen');

  thaw();
  await alice.tab.waitForMessage('bob#001');
  await alice.tab.send('alice#002');
  await second.send('alice#003');
  for (const tab of [alice.tab, second, bob.tab]) {
    await tab.waitForMessage('alice#003');
    assert.deepEqual(marksIn(await tab.messages(), 'alice').sort(), ['alice#001', 'alice#002', 'alice#003']);
    assert.deepEqual(marksIn(await tab.messages(), 'bob'), ['bob#001']);
    assert.deepEqual(await tab.alerts(), []);
  }
});

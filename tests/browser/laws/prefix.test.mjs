import assert from 'node:assert/strict';

import { scenario, talking } from '../support/world.mjs';

scenario('prefix: a relay under a path serves all from there, and nothing is asked for outside of it', { prefix: '/chat' }, async (world) => {
  const { alice, bob } = await talking(world);
  await bob.tab.send('hello from under a path');
  await alice.tab.waitForMessage('hello from under a path');
  await alice.tab.reload();
  await alice.tab.waitForMessage('hello from under a path');
  await alice.tab.waitForConnection('Online');
  assert.deepEqual(world.proxy.outside, []);
});

import assert from 'node:assert/strict';

import { age, dump } from '../support/store.mjs';
import { scenario, talking } from '../support/world.mjs';

scenario('older store: one line says what happened and what to do, nothing is written, and one can start over', {}, async (world) => {
  const { alice } = await talking(world);
  assert.ok((await age(alice.tab)) > 5);
  const [said] = await alice.tab.waitForAlert();
  assert.match(said, /saved by an older version of Pawl/);
  assert.match(said, /“Export” in the Settings of that version/);
  assert.match(said, /start over/);
  assert.ok(!said.includes('\n'));
  assert.equal(await alice.tab.has('button', 'Create account'), false);
  const values = async () => (await dump(alice.tab)).filter(({ store }) => store !== 'fence').map(({ value }) => value.toString('hex'));
  const before = await values();
  await alice.tab.reload();
  await alice.tab.waitForAlert(/older version/);
  assert.deepEqual(await values(), before);

  await alice.tab.press('button', 'Start over');
  const dialog = await alice.tab.find('dialog', 'Start over');
  await alice.tab.press('button', 'Start over', dialog);
  await alice.tab.createAccount('alice-2');
  await alice.tab.waitForConnection('Online');
  await alice.tab.startConversation('bob');
  await alice.tab.send('hello again');
  await alice.tab.waitForStatus('hello again', 'Delivered', 'Read');
});

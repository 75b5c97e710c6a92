import assert from 'node:assert/strict';

import { mark, marks } from '../support/series.mjs';
import { aliceAndBob, scenario, talking } from '../support/world.mjs';

const LIMIT = 64 * 1024;

scenario('messages: one byte over the limit is refused with an alert and stays in the box; shortened, it goes', {}, async (world) => {
  const { alice, bob } = await talking(world);
  // In bytes it is too long, in characters it is not.
  const text = `${'é'.repeat(LIMIT / 2)}x`;
  await alice.tab.fill('Message', text);
  await alice.tab.page.keyboard.press('Enter');
  await alice.tab.waitForAlert(/long/i);
  assert.equal(await alice.tab.valueOf('Message'), text);
  assert.equal((await alice.tab.messages()).length, 1);

  await alice.tab.fill('Message', 'short enough');
  await alice.tab.page.keyboard.press('Enter');
  await bob.tab.waitForMessage('short enough');
  assert.deepEqual(await alice.tab.alerts(), []);
});

scenario('messages: nothing and white space are not sent', {}, async (world) => {
  const { alice, bob } = await talking(world);
  for (const text of ['', '   ', '\n\n']) {
    await alice.tab.fill('Message', text);
    await alice.tab.page.keyboard.press('Enter');
  }
  await alice.tab.fill('Message', 'after');
  await alice.tab.page.keyboard.press('Enter');
  await bob.tab.waitForMessage('after');
  assert.equal((await bob.tab.messages()).length, 2);
});

/** What a stranger finds room for: half of the mailbox. */
const MAILBOX = 6;
const WRITTEN = 10;

scenario('messages: a full mailbox refuses the sender with an alert; what it took is delivered, the rest is kept', { relayArgs: ['--mailbox-messages', String(2 * MAILBOX)] }, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await bob.closeTab();
  await alice.tab.startConversation('bob');
  for (const text of marks('alice', WRITTEN)) await alice.tab.send(text);
  await alice.tab.waitForAlert(/bob.*full|full.*bob/i);
  await alice.tab.waitForStatus(mark('alice', MAILBOX), 'Sent');
  const last = (await alice.tab.messages()).at(-1);
  assert.ok(['Sending', 'Not sent'].includes(last.status), last.status);

  await bob.openTab();
  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage(mark('alice', MAILBOX));
  // What was refused goes by itself or by hand, once.
  for (const text of marks('alice', WRITTEN)) {
    await alice.tab.waitForMessages(`${text} is on its way or can be tried again`, (all) => all.some((one) => one.text.includes(text) && ['Sent', 'Delivered', 'Read', 'Not sent'].includes(one.status)), 90_000);
    const { status } = (await alice.tab.messages()).find((one) => one.text.includes(text));
    if (status === 'Not sent') await alice.tab.press('button', 'Try again');
  }
  await bob.tab.waitForMessage(mark('alice', WRITTEN));
  const shown = (await bob.tab.texts()).flatMap((text) => text.match(/alice#\d{3}/g) ?? []);
  assert.deepEqual([...shown].sort(), marks('alice', WRITTEN));
});

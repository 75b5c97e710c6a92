import assert from 'node:assert/strict';

import { scenario, talking } from '../support/world.mjs';

scenario('recipients: an unknown one gets an alert in the dialog; the draft and the conversations stay', {}, async (world) => {
  const { alice } = await talking(world);
  await alice.tab.fill('Message', 'half a thought');
  const dialog = await alice.tab.openNewConversation('nobody');
  await alice.tab.waitForAlert(/No one on this server/, dialog);
  assert.equal(await alice.tab.valueOf('Username', dialog), 'nobody');
  await alice.tab.page.keyboard.press('Escape');
  await alice.tab.gone('dialog', 'New conversation');
  assert.equal((await alice.tab.conversations()).length, 1);
  await alice.tab.waitForHeading('bob');
  assert.equal(await alice.tab.valueOf('Message'), 'half a thought');
  assert.ok((await alice.tab.texts()).some((text) => text.includes('hello bob')));
});

scenario('recipients: a wrong username and one\'s own are refused in the dialog, and a right one then starts', {}, async (world) => {
  const alice = await world.person('alice');
  await world.person('bob');
  await alice.tab.press('button', 'New conversation');
  const dialog = await alice.tab.find('dialog', 'New conversation');
  for (const [text, words] of [['', /name/i], ['b\u043eb', /Cyrillic letter/], ['alice', /your|own/i], ['nobody', /No one on this server/]]) {
    await alice.tab.fill('Username', text, dialog);
    await alice.tab.press('button', 'Start', dialog);
    await alice.tab.waitForAlert(words, dialog);
  }
  await alice.tab.fill('Username', 'bob', dialog);
  await alice.tab.press('button', 'Start', dialog);
  await alice.tab.waitForHeading('bob');
});

scenario('recipients: starting the same conversation again opens the one that is there', {}, async (world) => {
  const { alice } = await talking(world);
  await alice.tab.openNewConversation('bob');
  await alice.tab.gone('dialog', 'New conversation');
  await alice.tab.waitForMessage('hello bob');
  assert.equal((await alice.tab.conversations()).length, 1);
});

scenario('recipients: an address of somebody unknown does no harm', {}, async (world) => {
  const { alice } = await talking(world);
  for (const hash of ['#/c/nobody', '#/c/%00', '#/c/%', '#/nonsense', `#/c/${'x'.repeat(5_000)}`]) {
    await alice.tab.goto(hash);
    await alice.tab.find('navigation', 'Conversations');
  }
  await alice.tab.openConversation('bob');
  await alice.tab.send('still here');
});

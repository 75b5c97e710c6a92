import assert from 'node:assert/strict';

import { untilValue } from '../support/wait.mjs';
import { scenario, talking } from '../support/world.mjs';

scenario('reload: conversations, messages, statuses, draft and address are all still there', {}, async (world) => {
  const { alice, bob } = await talking(world);
  await world.person('carol');
  await bob.tab.page.bringToFront();
  await alice.tab.waitForStatus('hello bob', 'Read');
  await bob.tab.send('hello alice');
  await alice.tab.waitForMessage('hello alice');
  await alice.tab.startConversation('carol');
  await alice.tab.send('hello carol');
  await alice.tab.waitForStatus('hello carol', 'Delivered', 'Read');
  await alice.tab.openConversation('bob');
  await bob.closeTab();
  await alice.tab.send('to be sent');
  await alice.tab.waitForStatus('to be sent', 'Sent');
  const address = await alice.tab.address();
  const before = { messages: await alice.tab.messages(), conversations: await alice.tab.conversations() };
  const box = await alice.tab.find('textbox', 'Message');
  await box.focus();
  await alice.tab.page.keyboard.type('half a thou');

  await alice.tab.reload();
  await alice.tab.waitForHeading('bob');
  assert.equal(await alice.tab.address(), address);
  await alice.tab.waitForMessages('the same messages', (all) => JSON.stringify(all) === JSON.stringify(before.messages));
  await untilValue('the draft', () => alice.tab.valueOf('Message'), (text) => text === 'half a thou');
  const after = await alice.tab.conversations();
  assert.deepEqual(after.map((name) => name.split(/\W/)[0]), before.conversations.map((name) => name.split(/\W/)[0]));
  await alice.tab.waitForConnection('Online');
});

scenario('reload: each conversation keeps a draft of its own', {}, async (world) => {
  const { alice } = await talking(world);
  await world.person('carol');
  await alice.tab.fill('Message', 'for bob');
  await alice.tab.startConversation('carol');
  assert.equal(await alice.tab.valueOf('Message'), '');
  await alice.tab.fill('Message', 'for carol');
  await alice.tab.openConversation('bob');
  await untilValue("bob's draft", () => alice.tab.valueOf('Message'), (text) => text === 'for bob');
  await alice.tab.reload();
  await untilValue("bob's draft after a reload", () => alice.tab.valueOf('Message'), (text) => text === 'for bob');
  await alice.tab.openConversation('carol');
  await untilValue("carol's draft", () => alice.tab.valueOf('Message'), (text) => text === 'for carol');
});

scenario('reload: more than a page of history can be reached', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const texts = Array.from({ length: 130 }, (_, i) => `line ${String(i + 1).padStart(3, '0')}`);
  for (const text of texts) await alice.tab.typeAndEnter(text);
  await bob.tab.waitForMessage(texts.at(-1));
  await bob.tab.reload();
  await bob.tab.waitForMessage(texts.at(-1));
  await untilValue('the oldest message', async () => {
    const log = await bob.tab.find('log', 'Messages');
    await log.evaluate((element) => element.querySelector('article, [role="article"]').scrollIntoView());
    return (await bob.tab.texts()).filter((text) => /line \d{3}|hello bob/.test(text)).map((text) => /line \d{3}|hello bob/.exec(text)[0]);
  }, (seen) => seen[0] === 'hello bob');
  const seen = (await bob.tab.texts()).flatMap((text) => text.match(/line \d{3}/g) ?? []);
  assert.deepEqual(seen, texts);
});

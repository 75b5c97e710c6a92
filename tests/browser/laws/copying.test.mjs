import assert from 'node:assert/strict';

import { scenario, talking } from '../support/world.mjs';

scenario('copying: several messages that are selected give their texts and nothing else', {}, async (world) => {
  const { alice } = await talking(world);
  await alice.tab.send('meet me at');
  await alice.tab.send('the station');
  await alice.tab.waitForAll('Delivered', 'Read');
  const log = await alice.tab.find('log', 'Messages');
  const copied = await log.evaluate((element) => {
    getSelection().selectAllChildren(element);
    return getSelection().toString();
  });
  assert.deepEqual(copied.split(/\n+/).map((line) => line.trim()).filter(Boolean), ['hello bob', 'meet me at', 'the station']);
});

scenario('long texts: a dozen lines are drawn, more at each press, and all of it is in the message', {}, async (world) => {
  const { alice, bob } = await talking(world);
  const text = `a${'\n'.repeat(1_000)}z`;
  await alice.tab.fill('Message', text);
  await alice.tab.page.keyboard.press('Enter');
  await bob.tab.waitForMessages('the tall text', (all) => all.some((message) => message.text === text));
  const height = () => bob.tab.page.evaluate(() => document.querySelector('[role="log"]').scrollHeight);
  const more = await bob.tab.find('button', 'Read more');
  assert.equal(await more.evaluate((button) => button.getAttribute('aria-expanded')), 'false');
  const before = await height();
  assert.ok(before < 3_000, `${before} px`);
  await more.click();
  const less = await bob.tab.find('button', 'Show less');
  const after = await height();
  assert.ok(after > before && after < 12_000, `${before}, then ${after} px`);
  await less.click();
  assert.equal(await height(), before);
});

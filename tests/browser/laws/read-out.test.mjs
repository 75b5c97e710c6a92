import assert from 'node:assert/strict';

import { marks } from '../support/series.mjs';
import { until, untilValue } from '../support/wait.mjs';
import { aliceAndBob, scenario } from '../support/world.mjs';

const COUNT = 130;

/** Runs in the page: keeps what a screen reader says by itself, which is what is put into live regions. */
function listen() {
  const regions = '[aria-live], [role="status"], [role="alert"], [role="log"], [role="timer"], [role="marquee"]';
  globalThis.said = [];
  new MutationObserver((changes) => {
    for (const { addedNodes, target } of changes) {
      for (const node of addedNodes.length > 0 ? addedNodes : [target]) {
        const element = node instanceof Element ? node : node.parentElement;
        const region = element?.closest(regions);
        const text = node.textContent.trim();
        if (region && region.getAttribute('aria-live') !== 'off' && text !== '') globalThis.said.push(text);
      }
    }
  }).observe(document, { subtree: true, childList: true, characterData: true });
}

const said = (tab) => tab.page.evaluate(() => globalThis.said.splice(0));

scenario('read out: opening a conversation and its history say nothing, and a new message is said once', {}, async (world) => {
  const { alice, bob } = await aliceAndBob(world);
  await alice.tab.startConversation('bob');
  const texts = marks('alice', COUNT);
  for (const text of texts) await alice.tab.typeAndEnter(text);
  await alice.tab.waitForStatus(texts.at(-1), 'Delivered', 'Read');
  await bob.tab.page.bringToFront();
  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage(texts[0]);
  await bob.tab.goto('#/');
  await bob.tab.reload();
  await bob.tab.waitForConnection('Online');
  await bob.tab.page.evaluate(listen);

  await bob.tab.openConversation('alice');
  await bob.tab.waitForMessage(texts.at(-1));
  const log = await bob.tab.find('log', 'Messages');
  await until('the beginning', async () => {
    await log.evaluate((element) => { element.scrollTop = -element.scrollHeight; });
    return (await bob.tab.texts()).some((text) => text.includes(texts[0]));
  });
  assert.deepEqual(await said(bob.tab), []);

  await alice.tab.send('one more');
  await bob.tab.waitForMessage('one more');
  const heard = await untilValue('it is said', () => said(bob.tab), (all) => all.length > 0);
  await alice.tab.waitForStatus('one more', 'Delivered', 'Read');
  assert.deepEqual([...heard, ...(await said(bob.tab))], ['alice: one more']);
});

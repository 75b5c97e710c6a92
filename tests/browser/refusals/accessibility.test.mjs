import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { scenario, talking } from '../support/world.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(tab) {
  await tab.page.evaluate(AXE);
  return tab.page.evaluate(async () => {
    // What is still fading in has no colour yet to be judged.
    const ending = document.getAnimations().filter((animation) => Number.isFinite(animation.effect?.getComputedTiming().endTime));
    await Promise.allSettled(ending.map((animation) => animation.finished));
    const { violations: found } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(' ')).join(', ')}`);
  });
}

async function clean(tab, screen) {
  assert.deepEqual(await violations(tab), [], screen);
}

scenario('accessibility: axe finds nothing on the main screens, wide and narrow', {}, async (world) => {
  const visitor = await world.visitor('carol');
  await visitor.tab.find('button', 'Create account');
  await clean(visitor.tab, 'no account');
  await visitor.tab.press('button', 'Create account');
  await visitor.tab.waitForAlert();
  await clean(visitor.tab, 'no account, with an alert');

  const { alice } = await talking(world);
  for (const width of [1280, 390]) {
    await alice.tab.resize(width, 800);
    await clean(alice.tab, `conversation at ${width}`);
    await alice.tab.press('button', 'Safety number');
    await alice.tab.find('dialog', 'Safety number');
    await clean(alice.tab, `safety number at ${width}`);
    await alice.tab.page.keyboard.press('Escape');
    await alice.tab.gone('dialog', 'Safety number');
    await alice.tab.goto('#/');
    for (const name of ['New conversation', 'Settings']) {
      await alice.tab.press('button', name);
      await alice.tab.find('dialog', name);
      await clean(alice.tab, `${name} at ${width}`);
      await alice.tab.page.keyboard.press('Escape');
      await alice.tab.gone('dialog', name);
    }
    await alice.tab.openConversation('bob');
  }
});

scenario('accessibility: a whole conversation by keyboard alone', {}, async (world) => {
  const alice = await world.visitor('alice');
  await world.person('bob');
  const { keyboard } = alice.tab.page;
  await (await alice.tab.find('textbox', 'Username')).focus();
  await keyboard.type('alice');
  await keyboard.press('Enter');
  const start = await alice.tab.find('button', 'New conversation');
  await alice.tab.waitForConnection('Online');
  await alice.tab.page.bringToFront();
  await start.focus();
  await keyboard.press('Enter');
  await alice.tab.find('dialog', 'New conversation');
  await keyboard.type('bob');
  await keyboard.press('Enter');
  await alice.tab.waitForHeading('bob');
  await alice.tab.gone('dialog', 'New conversation');
  await (await alice.tab.find('textbox', 'Message')).focus();
  await keyboard.type('by keyboard');
  await keyboard.press('Enter');
  await alice.tab.waitForStatus('by keyboard', 'Delivered', 'Read');
});

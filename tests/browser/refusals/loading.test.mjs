import assert from 'node:assert/strict';

import { Tab } from '../support/page.mjs';
import { scenario } from '../support/world.mjs';

/** Opens the page while a part of it does not come; its complaints are not held against it. */
async function openSpoiled(world, pattern, how) {
  const visitor = await world.visitor('alice');
  await visitor.closeTab();
  await visitor.context.close();
  visitor.context = await visitor.browser.puppet.createBrowserContext();
  world.proxy.spoil(pattern, how);
  const tab = await Tab.open(visitor.context, world.url, []);
  visitor.tabs.push(tab);
  return tab;
}

const PARTS = { 'the engine': /\.wasm$/, 'the worker': /\/worker-[\w-]+\.js$/ };

for (const [part, pattern] of Object.entries(PARTS)) {
  for (const how of ['no answer', 'half of it', 'a page instead', 'an error']) {
    scenario(`loading: for ${part} comes ${how}; the page says so and what to do, and a retry works`, {}, async (world) => {
      const tab = await openSpoiled(world, pattern, how);
      await tab.waitForAlert(/failed to load/);
      assert.equal(await tab.has('button', 'Create account'), false);
      world.proxy.spoil(null);
      await tab.press('button', 'Reload');
      await tab.find('button', 'Create account');
      assert.deepEqual(await tab.alerts(), []);
    });
  }
}

scenario('loading: where not even the page itself comes, words say what to do', {}, async (world) => {
  const tab = await openSpoiled(world, /\/index-[\w-]+\.js$/, 'an error');
  const again = await tab.find('link', 'load it again');
  world.proxy.spoil(null);
  await again.click();
  await tab.find('button', 'Create account');
});

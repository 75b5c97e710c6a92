import assert from 'node:assert/strict';

import { Tab } from '../support/page.mjs';
import { scenario, talking } from '../support/world.mjs';

/** Blocked site data, as a person sets it: IndexedDB then refuses to open. */
const NO_STORAGE = {
  chromiumPreferences: { profile: { default_content_setting_values: { cookies: 2 } } },
  firefoxPrefs: { 'network.cookie.cookieBehavior': 2 },
};

scenario('surroundings: where site data is blocked the page says so and what to do', {}, async (world) => {
  const { tab } = await world.visitor('alice', { own: NO_STORAGE });
  const blocked = await tab.page.evaluate(async () => new Promise((done) => {
    try {
      const request = indexedDB.open('probe');
      request.onsuccess = () => done(false);
      request.onerror = () => done(true);
    } catch {
      done(true);
    }
  }));
  assert.ok(blocked, 'this browser was started without IndexedDB');
  await tab.waitForAlert(/private|storage|store|site data|cookies/i);
  assert.equal(await tab.has('button', 'Create account'), false);
});

const OTHER_HOST = 'pawl.test';

scenario('surroundings: over plain HTTP from another host the page says that it needs https or localhost', {}, async (world) => {
  const { browser } = await world.visitor('alice', {
    own: { chromiumArgs: [`--host-resolver-rules=MAP ${OTHER_HOST} 127.0.0.1`], firefoxPrefs: { 'network.dns.localDomains': OTHER_HOST } },
  });
  const url = `http://${OTHER_HOST}:${world.proxy.port}`;
  // Browsers say by themselves that they ignore some headers of an insecure page.
  const tab = await Tab.open(browser.puppet, url, []);
  assert.equal(await tab.page.evaluate(() => window.isSecureContext), false);
  await tab.waitForAlert(/https/i);
  assert.match((await tab.alerts()).join(' '), /localhost|127\.0\.0\.1/);
  assert.equal(await tab.has('button', 'Create account'), false);
});

scenario('surroundings: the browser says that it is offline; writing goes on, and it all goes out later', {}, async (world) => {
  const { alice, bob } = await talking(world);
  world.proxy.cut();
  await alice.tab.setOffline(true);
  await alice.tab.waitForConnection('Offline');
  await alice.tab.send('written without a network');
  await alice.tab.waitForStatus('written without a network', 'Sending');
  await alice.tab.setOffline(false);
  world.proxy.mend();
  await alice.tab.waitForConnection('Online');
  await bob.tab.waitForMessage('written without a network');
});

scenario('surroundings: every answer of the relay carries the security headers', {}, async (world) => {
  const first = await fetch(`${world.url}/`);
  const html = await first.text();
  const assets = [...html.matchAll(/(?:src|href)="([^"#:]+)"/g)].map((match) => new URL(match[1], `${world.url}/`));
  assert.ok(assets.length > 0);
  for (const url of [new URL(world.url), ...assets, new URL('/not/there', world.url)]) {
    const answer = await fetch(url);
    const policy = answer.headers.get('content-security-policy') ?? '';
    for (const part of ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"]) {
      assert.ok(policy.includes(part), `${url.pathname}: ${part}`);
    }
    assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'/);
    for (const name of ['cross-origin-opener-policy', 'cross-origin-embedder-policy', 'cross-origin-resource-policy', 'x-content-type-options', 'referrer-policy']) {
      assert.ok(answer.headers.has(name), `${url.pathname}: ${name}`);
    }
  }
});

scenario('surroundings: the browser neither translates what people write nor corrects usernames', {}, async (world) => {
  const { tab } = await world.visitor('alice');
  await tab.find('button', 'Create account');
  const said = await tab.page.evaluate(() => {
    const name = document.querySelector('input[type=text]');
    return {
      translate: document.documentElement.translate,
      vendor: document.querySelector('meta[name=google]')?.getAttribute('content'),
      autocorrect: name?.getAttribute('autocorrect'),
      spellcheck: name?.spellcheck,
    };
  });
  assert.deepEqual(said, { translate: false, vendor: 'notranslate', autocorrect: 'off', spellcheck: false });
});

// Not a test of anything: pictures of the real page for people to look at, in the folder that
// `--screenshots` names.

import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { Camera } from '../support/camera.mjs';
import { age } from '../support/store.mjs';
import { browserName, scenario } from '../support/world.mjs';

const folder = process.env.PAWL_TEST_SCREENSHOTS;

const WIDTHS = [360, 768, 1280, 2560];

/** Both browsers take the scheme at launch: only one of them can change it later, and forced colours are its own. */
const SCHEMES = {
  light: { chromiumArgs: [], firefoxPrefs: { 'layout.css.prefers-color-scheme.content-override': 1 } },
  dark: { chromiumArgs: ['--force-dark-mode'], firefoxPrefs: { 'layout.css.prefers-color-scheme.content-override': 0 } },
};

const FORCED = { name: 'forced-colors', value: 'active' };

/** Puppeteer's own command does not know all features. */
async function emulate(page, feature) {
  const session = await page.createCDPSession();
  await session.send('Emulation.setEmulatedMedia', { features: [feature] });
}

async function shoot(tab, scheme, screen) {
  for (const width of WIDTHS) {
    await tab.resize(width, width < 700 ? 800 : 900);
    await tab.page.screenshot({ path: path.join(folder, `${browserName}-${scheme}-${width}-${screen}.png`) });
  }
}

/** Somebody else gets Bob's name, and writes. */
async function changeBob(world, bob) {
  await bob.leave();
  world.people.splice(world.people.indexOf(bob), 1);
  await world.relay.rename('bob', 'boa');
  const other = await world.person('bob');
  await other.tab.startConversation('alice');
  await other.tab.send('New phone, finally.');
}

if (browserName === 'chromium') SCHEMES.forced = { chromiumArgs: [] };

for (const [scheme, schemeOwn] of Object.entries(SCHEMES)) {
  scenario(`screens in ${scheme}`, {}, async (world, t) => {
    mkdirSync(folder, { recursive: true });
    const camera = browserName === 'chromium' ? await Camera.create() : null;
    t.after(() => camera?.close());
    const own = { ...schemeOwn, chromiumArgs: [...schemeOwn.chromiumArgs, ...(camera?.own.chromiumArgs ?? [])] };
    const alice = await world.visitor('alice', { own });
    if (browserName === 'chromium') await emulate(alice.tab.page, scheme === 'forced' ? FORCED : { name: 'prefers-color-scheme', value: scheme });
    await alice.tab.find('button', 'Create account');
    await shoot(alice.tab, scheme, '1-welcome');
    await alice.tab.createAccount('alice');
    await alice.tab.waitForConnection('Online');
    await shoot(alice.tab, scheme, '2-nobody-yet');
    const bob = await world.person('bob');
    await alice.tab.openNewConversation('bob-the-unknown');
    await alice.tab.waitForAlert();
    await shoot(alice.tab, scheme, '3-unknown');
    await alice.tab.page.keyboard.press('Escape');
    await alice.tab.startConversation('bob');
    await alice.tab.send('Are we still on for Thursday? I found the map we talked about.');
    await bob.tab.openConversation('alice');
    await bob.tab.send('Yes! Six at the bridge.');
    await alice.tab.waitForMessage('Six at the bridge.');
    await shoot(alice.tab, scheme, '4-conversation');
    await alice.tab.press('button', 'Safety number');
    await alice.tab.find('image', 'Safety number QR code');
    await shoot(alice.tab, scheme, '5-safety-number');
    await alice.tab.press('button', 'Scan QR code');
    if (camera) await alice.tab.page.waitForFunction(() => document.querySelector('video')?.videoWidth > 0);
    else await alice.tab.waitForAlert();
    await shoot(alice.tab, scheme, '6-scan');
    await alice.tab.page.keyboard.press('Escape');
    await changeBob(world, bob);
    // What the other one writes waits aside.
    await alice.tab.find('button', 'Review');
    await alice.tab.typeAndEnter('Is it you?');
    await shoot(alice.tab, scheme, '7-changed');
    await alice.tab.press('button', 'Review');
    await alice.tab.find('image', 'Safety number QR code');
    await shoot(alice.tab, scheme, '8-review');
    await age(alice.tab);
    await alice.tab.find('button', 'Start over');
    await shoot(alice.tab, scheme, '9-older-store');
  });
}

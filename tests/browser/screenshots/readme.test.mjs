// Not a test of anything: the two pictures of README.md, into the folder that `--screenshots` names.

import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { browserName, scenario } from '../support/world.mjs';

const folder = process.env.PAWL_TEST_SCREENSHOTS;

/** Who writes what, in turns. */
const TALK = [
  ['alice', 'Are we still on for Thursday?'],
  ['bob', 'Yes! Six at the bridge.'],
  ['alice', 'I found the map we talked about. The old path is on it, behind the mill.'],
  ['bob', 'Then we can walk back along the river. Bring a lamp.'],
];

async function shoot(tab, width, height, name) {
  await tab.resize(width, height);
  await tab.page.screenshot({ path: path.join(folder, `${name}.png`) });
}

if (browserName === 'chromium') {
  scenario('the pictures of README.md', {}, async (world) => {
    mkdirSync(folder, { recursive: true });
    const alice = await world.person('alice');
    const bob = await world.person('bob');
    const carol = await world.person('carol');
    await carol.tab.startConversation('alice');
    await carol.tab.send('The photos are printed.');
    await alice.tab.startConversation('bob');
    await alice.tab.send(TALK[0][1]);
    await bob.tab.openConversation('alice');
    for (const [who, text] of TALK.slice(1)) {
      const [from, to] = who === 'alice' ? [alice, bob] : [bob, alice];
      await from.tab.send(text);
      await to.tab.waitForMessage(text);
    }
    await shoot(alice.tab, 900, 520, 'desktop');
    await shoot(alice.tab, 360, 640, 'phone');
  });
}

import assert from 'node:assert/strict';

import { Camera } from '../support/camera.mjs';
import { until } from '../support/wait.mjs';
import { browserName, scenario, talking } from '../support/world.mjs';

const VERIFIED = 'Remove verification';

async function openSafetyNumber(tab) {
  await tab.press('button', 'Safety number');
  const dialog = await tab.find('dialog', 'Safety number');
  await tab.find('image', 'Safety number QR code', dialog);
  return dialog;
}

/** What reads codes and what makes them are files of their own: whether any page has asked for one. */
const loaded = (world, file = 'scanner') => world.proxy.recorded().includes(`GET /assets/${file}-`);

/** A scenario in which Alice's camera is the test's. */
function withCamera(name, body) {
  if (browserName !== 'chromium') return;
  scenario(name, {}, async (world) => {
    const camera = await Camera.create();
    try {
      const { alice, bob } = await talking(world, { alice: { own: camera.own } });
      await body({ world, camera, alice, bob });
    } finally {
      await camera.close();
    }
  });
}

async function isUnverified(tab, dialog) {
  await tab.find('button', 'Mark as verified', dialog);
  assert.ok(!(await tab.has('button', VERIFIED, dialog)));
}

withCamera("scan: the code on the other's screen verifies them, and the reader of codes comes only then", async ({ world, camera, alice, bob }) => {
  assert.ok(!loaded(world, 'encoder'));
  await openSafetyNumber(bob.tab);
  assert.ok(loaded(world, 'encoder'));
  await camera.showCodeOn(await bob.tab.find('image', 'Safety number QR code'));
  const dialog = await openSafetyNumber(alice.tab);
  assert.ok(!loaded(world));
  await alice.tab.press('button', 'Scan QR code', dialog);
  await until('the codes are the same', () => dialog.evaluate((element) => /codes match/.test(element.textContent)));
  await alice.tab.find('button', VERIFIED, dialog);
  assert.ok(loaded(world));
  assert.ok(!(await alice.tab.has('button', 'Stop scanning')), 'the camera is off');
  await alice.tab.reload();
  await alice.tab.find('button', VERIFIED, await openSafetyNumber(alice.tab));
});

withCamera("scan: another number's code is an alert and verifies nobody", async ({ camera, alice }) => {
  await camera.showCodeOf([1, ...Array(64).fill(7)]);
  const dialog = await openSafetyNumber(alice.tab);
  await alice.tab.press('button', 'Scan QR code', dialog);
  await alice.tab.waitForAlert(/don’t match/, dialog);
  await isUnverified(alice.tab, dialog);
});

withCamera('scan: what is no safety number is said to be none, and of another version to be that', async ({ camera, alice }) => {
  const dialog = await openSafetyNumber(alice.tab);
  const cases = [
    ['https://example.org/', /isn’t a safety number/],
    ['12345', /isn’t a safety number/],
    [[2, ...Array(64).fill(7)], /another version/],
  ];
  for (const [content, words] of cases) {
    await camera.showCodeOf(content);
    await alice.tab.press('button', 'Scan QR code', dialog);
    await alice.tab.waitForAlert(words, dialog);
    await isUnverified(alice.tab, dialog);
  }
});

withCamera('scan: it can be stopped, and a reader that does not load is said', async ({ world, alice }) => {
  const dialog = await openSafetyNumber(alice.tab);
  world.proxy.cut();
  await alice.tab.press('button', 'Scan QR code', dialog);
  await alice.tab.waitForAlert(/failed to load/, dialog);
  world.proxy.mend();
  await alice.tab.press('button', 'Scan QR code', dialog);
  await until('the camera gives a picture', () => dialog.$eval('video', (video) => video.videoWidth > 0));
  assert.ok(!(await alice.tab.has('button', 'Mark as verified', dialog)), 'nothing is decided on a number that is out of sight');
  await alice.tab.press('button', 'Stop scanning', dialog);
  await alice.tab.find('image', 'Safety number QR code', dialog);
  assert.equal(await dialog.$('video'), null);
  assert.deepEqual(await alice.tab.alerts(dialog), []);
});

scenario('scan: without a camera it says so, and the digits can still be compared', {}, async (world) => {
  const { alice } = await talking(world);
  const dialog = await openSafetyNumber(alice.tab);
  await alice.tab.press('button', 'Scan QR code', dialog);
  await alice.tab.waitForAlert(/No camera/, dialog);
  await alice.tab.find('image', 'Safety number QR code', dialog);
  await alice.tab.press('checkbox', 'They match', dialog);
  await alice.tab.press('button', 'Mark as verified', dialog);
  await alice.tab.find('button', VERIFIED, dialog);
});

scenario('scan: a camera that the browser refuses is said to be refused', {}, async (world) => {
  const own = {
    chromiumArgs: ['--use-fake-device-for-media-stream', '--deny-permission-prompts'],
    firefoxPrefs: { 'media.navigator.streams.fake': true, 'permissions.default.camera': 2 },
  };
  const { alice } = await talking(world, { alice: { own } });
  const dialog = await openSafetyNumber(alice.tab);
  await alice.tab.press('button', 'Scan QR code', dialog);
  await alice.tab.waitForAlert(/doesn’t let Pawl use the camera/, dialog);
  await isUnverified(alice.tab, dialog);
});

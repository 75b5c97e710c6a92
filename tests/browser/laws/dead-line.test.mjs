import { scenario, talking } from '../support/world.mjs';

scenario('dead line: a text that nobody answers ends "Online", and goes out once when the line is back', {}, async (world) => {
  const { alice, bob } = await talking(world);
  world.proxy.hold('up', () => true);
  await alice.tab.send('into the void');
  await alice.tab.waitForConnection('Connecting', 'Offline');
  world.proxy.release();
  await bob.tab.waitForMessage('into the void');
  await alice.tab.waitForStatus('into the void', 'Delivered', 'Read');
  await alice.tab.waitForConnection('Online');
});

scenario('dead line: a browser that says it is offline shows Connecting, until the server is heard', {}, async (world) => {
  const { alice } = await talking(world);
  world.proxy.hold('up', () => true);
  await alice.tab.page.evaluate(() => dispatchEvent(new Event('offline')));
  await alice.tab.waitForConnection('Connecting');
  world.proxy.release();
  await alice.tab.waitForConnection('Online');
});

scenario('dead line: while it is not online there is a button to try now', {}, async (world) => {
  const { alice } = await talking(world);
  world.proxy.cut();
  await alice.tab.waitForConnection('Offline');
  // Before the line is back, since the page tries by itself too and the button goes when it succeeds.
  await alice.tab.press('button', 'Try now');
  world.proxy.mend();
  await alice.tab.waitForConnection('Online');
  await alice.tab.gone('button', 'Try now');
});

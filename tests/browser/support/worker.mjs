// What tests do to the worker of whoever opens a page afterwards: move its clock, stop it. The product knows nothing of
// it: the wire puts this in front of the worker's own file.

const WORKER = /^\/assets\/worker-.*\.js$/;
const FROZEN = '/frozen-by-a-test';

/** Runs in the worker: what a page asks for on this channel is added to the time, or answered only when the wire lets go. */
function adjustable(frozen) {
  const now = Date.now;
  let ahead = 0;
  Date.now = () => now() + ahead;
  globalThis.testChannel = new BroadcastChannel('of a test');
  globalThis.testChannel.onmessage = ({ data }) => {
    if (data.ahead) {
      ahead += data.ahead;
      globalThis.testChannel.postMessage('moved');
    }
    if (!data.freeze) return;
    const request = new XMLHttpRequest();
    request.open('GET', frozen, false);
    request.send();
  };
}

/** Before those open a page whose workers are to be meddled with; `false` for all who come later. */
export function makeWorkersAdjustable(world, adjusts = true) {
  const prelude = `(${adjustable})('${FROZEN}');\n`;
  world.proxy.rewrite(adjusts ? WORKER : null, (script) => prelude + script);
}

/** For a person who has one tab. The worker's timers stay as they were: it notices when it has something to do. */
export async function advanceClock(tab, ms) {
  await tab.page.evaluate((ahead) => new Promise((moved) => {
    const channel = new BroadcastChannel('of a test');
    channel.onmessage = ({ data }) => {
      if (data !== 'moved') return;
      channel.close();
      moved();
    };
    channel.postMessage({ ahead });
  }), ms);
}

/** Stops the one adjustable worker of this person in the middle of things, until the wire releases it. */
export async function freezeWorker(world, tab) {
  const isFrozen = world.proxy.withhold(FROZEN);
  await tab.page.evaluate(() => {
    globalThis.testChannel = new BroadcastChannel('of a test');
    globalThis.testChannel.postMessage({ freeze: true });
  });
  return isFrozen;
}

// A clock that a test moves, in the worker of whoever opens a page afterwards. The product knows nothing of it: the
// wire puts it in front of the worker's own file.

/** Runs in the worker: what a page asks for on this channel is added to the time. */
function adjustable() {
  const now = Date.now;
  let ahead = 0;
  Date.now = () => now() + ahead;
  globalThis.clockOfTest = new BroadcastChannel('clock of a test');
  globalThis.clockOfTest.onmessage = ({ data }) => {
    if (typeof data !== 'number') return;
    ahead += data;
    globalThis.clockOfTest.postMessage('moved');
  };
}

/** Before anybody opens a page whose clock is to be moved. */
export function makeClocksAdjustable(world) {
  world.proxy.rewrite(/^\/assets\/worker-.*\.js$/, (script) => `(${adjustable})();\n${script}`);
}

/** For a person who has one tab. The worker's timers stay as they were: it notices when it has something to do. */
export async function advanceClock(tab, ms) {
  await tab.page.evaluate((more) => new Promise((moved) => {
    const channel = new BroadcastChannel('clock of a test');
    channel.onmessage = ({ data }) => {
      if (data !== 'moved') return;
      channel.close();
      moved();
    };
    channel.postMessage(more);
  }), ms);
}

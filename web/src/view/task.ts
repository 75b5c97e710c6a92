/** Work that is cut into tasks: between two of them a browser does what else waits. */

/** The next task; no timer, which a page in the background would wait long for. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

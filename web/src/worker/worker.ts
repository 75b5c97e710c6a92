/**
 * The worker's bootstrap: listens first, then loads the engine. Until the engine is there every
 * message is answered with `starting`, and the page asks again once it hears `ready`; whatever goes
 * wrong is said as `failed`, after which the worker ends itself, so that another tab may lead.
 */
import init, { Tab } from '../generated/pkg/pawl_module.js';
import wasmUrl from '../generated/pkg/pawl_module_bg.wasm?url';
import type { PageToWorker, WorkerToPage } from './messages';

/** What of the worker's global scope is used here: the page's types do not know it. */
type Scope = {
  location: { href: string; host: string };
  postMessage(message: WorkerToPage): void;
  close(): void;
  addEventListener(type: 'message', listener: (event: { data: PageToWorker }) => void): void;
  addEventListener(type: 'error', listener: (event: { message: string }) => void): void;
  addEventListener(type: 'unhandledrejection', listener: (event: { reason: unknown }) => void): void;
};

const scope = self as unknown as Scope;
let tab: Tab | undefined;
let answered: Int32Array | undefined;

scope.addEventListener('message', (event) => { receive(event.data); });
// A panic of the engine arrives here: nothing in this worker can be trusted any more.
scope.addEventListener('error', (event) => { fail(event.message); });
scope.addEventListener('unhandledrejection', (event) => { fail(String(event.reason)); });
void start();

function receive(message: PageToWorker): void {
  if (message.type === 'answered') {
    answered = message.answered;
    return;
  }
  if (tab === undefined) {
    say({ type: 'state', state: 'starting' });
    return;
  }
  switch (message.type) {
    case 'command':
      tab.command(message.id, message.command);
      break;
    case 'query':
      tab.query(message.id, message.query);
      break;
    case 'hint':
      tab.hint(message.hint);
      break;
  }
}

async function start(): Promise<void> {
  try {
    await init({ module_or_path: wasmUrl });
    const { href, host } = scope.location;
    // Beside this script's folder, so that a relay may stand under a path as well as at the root.
    const wsUrl = new URL(import.meta.env.DEV ? '/api/ws' : '../api/ws', href).href.replace('http', 'ws');
    tab = Tab.start({ authority: host.toLowerCase(), wsUrl }, say);
  } catch (error) {
    fail(String(error));
  }
}

function fail(detail: string): void {
  // Firefox reports a full disk here, too; the engine hears of it from its transaction, and goes on.
  if (detail.includes('QuotaExceeded')) return;
  say({ type: 'state', state: 'failed', error: { code: 'wasmFailed', detail } });
}

function say(message: WorkerToPage): void {
  scope.postMessage(message);
  if (message.type === 'reply' && answered) Atomics.store(answered, 0, message.id);
  if (message.type === 'state' && message.state === 'failed') scope.close();
}

/** Laws of the page's side of the worker: nothing is sent before `ready`, and everything is answered. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { PageToWorker, WorkerState, WorkerToPage } from '../src/worker/messages';
import { Rpc, type WorkerLike } from '../src/worker/rpc';
import type { Event as EngineEvent } from '../src/generated/types';

class FakeWorker implements WorkerLike {
  sent: PageToWorker[] = [];
  #message: (event: { data: WorkerToPage }) => void = () => {};
  #error: (event: { message?: string }) => void = () => {};

  postMessage(message: PageToWorker): void {
    this.sent.push(message);
  }

  terminate(): void {}

  addEventListener(type: string, listener: (event: never) => void): void {
    if (type === 'message') this.#message = listener as (event: { data: WorkerToPage }) => void;
    if (type === 'error') this.#error = listener as (event: { message?: string }) => void;
  }

  say(message: WorkerToPage): void {
    this.#message({ data: message });
  }

  crash(message: string): void {
    this.#error({ message });
  }

  ids(): (string | number)[] {
    return this.sent.map((message) => ('id' in message ? message.id : message.type));
  }
}

function start() {
  const worker = new FakeWorker();
  const events: EngineEvent[] = [];
  const states: WorkerState[] = [];
  const rpc = new Rpc(worker, { events: (news) => events.push(...news), state: (state) => states.push(state) });
  return { worker, events, states, rpc };
}

const draft = { type: 'saveDraft', conversation: 'bob', text: 'he' } as const;
const ready = { type: 'state', state: 'ready' } as const;
const full = { type: 'state', state: 'failed', error: { code: 'storeFull', detail: '' } } as const;

describe('Rpc', () => {
  it('sends nothing before the worker is ready, and then everything in order', () => {
    const { worker, rpc } = start();
    void rpc.command(draft);
    void rpc.query({ type: 'snapshot' });
    worker.say({ type: 'state', state: 'starting' });
    expect(worker.sent).toEqual([]);
    worker.say(ready);
    expect(worker.sent.map((message) => message.type)).toEqual(['command', 'query']);
  });

  it('gives every command its own id of 32 hexadecimal digits', () => {
    const { worker, rpc } = start();
    worker.say(ready);
    void rpc.command(draft);
    void rpc.command(draft);
    const [first, second] = worker.ids();
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(second).not.toBe(first);
  });

  it('asks again, under the same id, only what is unanswered when another engine takes over', async () => {
    const { worker, rpc } = start();
    worker.say(ready);
    const done = rpc.command(draft);
    const lost = rpc.command(draft);
    const [first, second] = worker.ids() as string[];
    worker.say({ type: 'events', events: [{ type: 'commandDone', id: first ?? '', error: null }] });
    expect(await done).toBeNull();
    worker.sent = [];
    worker.say(ready);
    expect(worker.ids()).toEqual([second]);
    worker.say({ type: 'events', events: [{ type: 'commandDone', id: second ?? '', error: { code: 'outboxFull' } }] });
    expect(await lost).toEqual({ code: 'outboxFull' });
  });

  it('keeps answers to commands, its own and other tabs\', from the page', () => {
    const { worker, events } = start();
    worker.say({ type: 'events', events: [{ type: 'commandDone', id: 'another tab\'s', error: null }] });
    worker.say({ type: 'events', events: [{ type: 'connectionChanged', connection: 'online' }] });
    expect(events).toEqual([{ type: 'connectionChanged', connection: 'online' }]);
  });

  it('answers everything when the worker fails, and fails once', async () => {
    const { worker, states, rpc } = start();
    worker.say(ready);
    const command = rpc.command(draft);
    const query = rpc.query({ type: 'snapshot' });
    worker.say(full);
    worker.crash('later');
    worker.say(ready);
    expect(await command).toEqual({ code: 'storeFailed' });
    expect(await query).toEqual({ type: 'failed', error: { code: 'storeFailed' } });
    expect(await rpc.command(draft)).toEqual({ code: 'storeFailed' });
    expect(states.map((state) => state.state)).toEqual(['ready', 'failed']);
  });

  it('says that the engine could not be loaded when the worker does not even start', () => {
    const { worker, states } = start();
    worker.crash('no such file');
    expect(states).toEqual([{ state: 'failed', error: { code: 'wasmFailed', detail: 'no such file' } }]);
  });

  it('refuses more than a person can ask for instead of growing without end', async () => {
    const { worker, rpc } = start();
    worker.say(ready);
    for (let count = 0; count < 1000; count++) void rpc.command(draft);
    expect(await rpc.command(draft)).toEqual({ code: 'storeFailed' });
  });
});

describe('a page that goes away', () => {
  beforeEach(() => { vi.stubGlobal('crossOriginIsolated', true); });
  afterEach(() => { vi.unstubAllGlobals(); });

  /** A worker that answers queries at once, and a page that does not hear it: its event loop stands still. */
  function blocked() {
    const worker = new FakeWorker();
    let cell: Int32Array = new Int32Array(1);
    const queries: number[] = [];
    const answer = { queries: true };
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (message) => {
      post(message);
      if (message.type === 'answered') cell = message.answered;
      if (message.type !== 'query') return;
      queries.push(message.id);
      if (answer.queries) Atomics.store(cell, 0, message.id);
    };
    const rpc = new Rpc(worker, { events: () => undefined, state: () => undefined });
    worker.say(ready);
    return { worker, rpc, queries, answer };
  }

  it('asks after what was asked before, and comes back when that is answered', () => {
    const { worker, rpc, queries } = blocked();
    expect(worker.sent[0]?.type).toBe('answered');
    void rpc.command(draft);
    rpc.settle();
    expect(worker.ids().slice(-2)).toEqual([expect.any(String), queries[0]]);
  });

  it('starts where the browser isolates the page and shares no memory, and waits for nothing', () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    const { worker, rpc } = start();
    worker.say(ready);
    void rpc.command(draft);
    rpc.settle();
    expect(worker.sent.map((message) => message.type)).toEqual(['command']);
  });

  it('waits for nothing where nothing was asked', () => {
    const { rpc, queries } = blocked();
    rpc.settle();
    expect(queries).toEqual([]);
  });

  it('comes back although nobody answers', () => {
    const { rpc, answer, queries } = blocked();
    answer.queries = false;
    void rpc.command(draft);
    rpc.settle();
    expect(queries).toHaveLength(1);
  });
});

describe('what bears on the connection', () => {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: 'hidden' });

  beforeEach(() => {
    vi.useFakeTimers();
    document.visibilityState = 'hidden';
    vi.stubGlobal('document', document);
    vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
  });

  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  const hints = (worker: FakeWorker) => worker.sent.flatMap((message) => (message.type === 'hint' ? [message.hint] : []));

  it('is said at once: a network that goes and one that comes', () => {
    const { worker } = start();
    worker.say(ready);
    window.dispatchEvent(new Event('offline'));
    window.dispatchEvent(new Event('online'));
    expect(hints(worker)).toEqual(['networkDown', 'networkUp']);
  });

  it('a page that is seen says so to each new engine and every 15 seconds, a hidden one never', () => {
    const { worker } = start();
    worker.say(ready);
    vi.advanceTimersByTime(60_000);
    expect(hints(worker)).toEqual([]);
    document.visibilityState = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
    expect(hints(worker)).toEqual(['networkUp', 'watched']);
    vi.advanceTimersByTime(30_000);
    worker.say(ready);
    expect(hints(worker).slice(2)).toEqual(['watched', 'watched', 'watched']);
  });
});

describe('What a step shows', () => {
  it('is given to the page in one piece, and whoever asked is answered after it', async () => {
    const worker = new FakeWorker();
    const order: string[] = [];
    const rpc = new Rpc(worker, { events: (news) => order.push(news.map((event) => event.type).join('+')), state: () => {} });
    worker.say(ready);
    const asked = rpc.command(draft).then(() => order.push('answered'));
    const [id] = worker.ids() as string[];
    const alert = { type: 'alert', alert: { code: 'storeFull' } } as const;
    worker.say({ type: 'events', events: [{ type: 'commandDone', id: id ?? '', error: null }, alert, { type: 'connectionChanged', connection: 'online' }] });
    await asked;
    expect(order).toEqual(['alert+connectionChanged', 'answered']);
  });

  it('answers whoever asked also where the page fails to show it', async () => {
    const worker = new FakeWorker();
    const rpc = new Rpc(worker, { events: () => { throw new Error('not drawn'); }, state: () => {} });
    worker.say(ready);
    const asked = rpc.command(draft);
    const [id] = worker.ids() as string[];
    const events: EngineEvent[] = [{ type: 'commandDone', id: id ?? '', error: null }, { type: 'connectionChanged', connection: 'online' }];
    expect(() => { worker.say({ type: 'events', events }); }).toThrow('not drawn');
    expect(await asked).toBeNull();
  });
});

/**
 * The page's side of the worker: every command and every query is a promise that is always
 * answered. Whatever is unanswered is sent again when the worker says `ready` (again); the ids make
 * that harmless.
 */
import type { Command, CommandError, Event, Query, QueryReply } from '../generated/types';
import type { Hint, PageToWorker, StartError, StartErrorCode, WorkerState, WorkerToPage } from './messages';

export type { Hint, StartError, StartErrorCode, WorkerState };

/** What of a Worker is needed; tests and the development page give another. */
export type WorkerLike = {
  postMessage(message: PageToWorker): void;
  terminate(): void;
  addEventListener(type: 'message', listener: (event: { data: WorkerToPage }) => void): void;
  addEventListener(type: 'error' | 'messageerror', listener: (event: { message?: string }) => void): void;
};

export type RpcListener = {
  /** Everything that a step of the engine says, but the answers to commands. */
  events(events: readonly Event[]): void;
  state(state: WorkerState): void;
};

/** More than a person can ask for; past it the worker is plainly not answering. */
const MAX_PENDING = 1000;

/** WebKitGTK isolates the page and has no SharedArrayBuffer all the same. */
function sharesMemory(): boolean {
  return globalThis.crossOriginIsolated && typeof SharedArrayBuffer !== 'undefined';
}

/** Milliseconds that a page that goes away waits for what it asked: browsers end it at about half a second. */
const SETTLE_MS = 400;

/** Milliseconds after which a visible page says again that it is looked at; the engine believes it for twice as long. */
const WATCH_MS = 15_000;

function visible(): boolean {
  return globalThis.document?.visibilityState === 'visible';
}

type Pending<T> = { message: PageToWorker; resolve: (answer: T) => void };

export class Rpc {
  readonly #worker: WorkerLike;
  readonly #on: RpcListener;
  readonly #commands = new Map<string, Pending<CommandError | null>>();
  readonly #queries = new Map<number, Pending<QueryReply>>();
  #state: WorkerState['state'] = 'starting';
  #nextQuery = 1;
  /** The newest query that is answered, written by the worker; nothing where the browser shares no memory. */
  readonly #answered = sharesMemory() ? new Int32Array(new SharedArrayBuffer(4)) : undefined;

  constructor(worker: WorkerLike, on: RpcListener) {
    this.#worker = worker;
    this.#on = on;
    worker.addEventListener('message', (event) => { this.#receive(event.data); });
    worker.addEventListener('error', (event) => { this.#fail(event.message ?? 'the worker did not load'); });
    worker.addEventListener('messageerror', () => { this.#fail('a message could not be read'); });
    if (this.#answered) worker.postMessage({ type: 'answered', answered: this.#answered });
    // Not every browser tells a worker, and a page that comes back into view should be connected.
    globalThis.addEventListener?.('online', () => { this.hint('networkUp'); });
    globalThis.addEventListener?.('offline', () => { this.hint('networkDown'); });
    globalThis.document?.addEventListener('visibilitychange', () => {
      if (visible()) this.hint('networkUp');
      this.#watch();
    });
    setInterval(() => { this.#watch(); }, WATCH_MS);
  }

  /** Resolves with nothing where it succeeded; never rejects. */
  command(command: Command): Promise<CommandError | null> {
    if (!this.#accepts()) return Promise.resolve({ code: 'storeFailed' });
    const id = randomId();
    return new Promise((resolve) => {
      this.#ask(this.#commands, id, { message: { type: 'command', id, command }, resolve });
    });
  }

  /** Never rejects: what cannot be answered is a reply of type `failed`. */
  query(query: Query): Promise<QueryReply> {
    if (!this.#accepts()) return Promise.resolve(unanswered());
    const id = this.#nextQuery++;
    return new Promise((resolve) => {
      this.#ask(this.#queries, id, { message: { type: 'query', id, query }, resolve });
    });
  }

  /**
   * For a page that goes away, which takes its worker along: comes back when all that was asked before is
   * on disk or refused. Blocks, since nothing else holds a page; a query is answered in its turn, after the
   * commands before it.
   */
  settle(): void {
    if (!this.#answered || this.#state !== 'ready' || this.#commands.size === 0) return;
    const id = this.#nextQuery++;
    const end = performance.now() + SETTLE_MS;
    this.#worker.postMessage({ type: 'query', id, query: { type: 'snapshot' } });
    while (Atomics.load(this.#answered, 0) < id && performance.now() < end);
  }

  /**
   * Asks the browser to keep this site's data when the disk fills up. After a gesture only, since a
   * browser may ask the user; never wait for it before something else.
   */
  async persist(): Promise<boolean> {
    try {
      return await navigator.storage.persist();
    } catch {
      return false;
    }
  }

  /** What bears on the connection. None is needed, so none waits for a worker. */
  hint(hint: Hint): void {
    if (this.#state === 'ready') this.#worker.postMessage({ type: 'hint', hint });
  }

  stop(): void {
    this.#state = 'failed';
    this.#worker.terminate();
    this.#giveUp();
  }

  #watch(): void {
    if (visible()) this.hint('watched');
  }

  #accepts(): boolean {
    return this.#state !== 'failed' && this.#commands.size + this.#queries.size < MAX_PENDING;
  }

  #ask<K, T>(pending: Map<K, Pending<T>>, id: K, entry: Pending<T>): void {
    pending.set(id, entry);
    if (this.#state === 'ready') this.#worker.postMessage(entry.message);
  }

  #receive(message: WorkerToPage): void {
    switch (message.type) {
      case 'state':
        this.#enter(message);
        break;
      case 'events':
        this.#show(message.events);
        break;
      case 'reply':
        take(this.#queries, message.id)?.resolve(message.reply);
        break;
    }
  }

  /** Whoever asked is answered when what came of it is shown, or could not be. */
  #show(events: readonly Event[]): void {
    const news = events.filter((event) => event.type !== 'commandDone');
    try {
      if (news.length > 0) this.#on.events(news);
    } finally {
      for (const event of events) {
        if (event.type === 'commandDone') take(this.#commands, event.id)?.resolve(event.error);
      }
    }
  }

  #enter(state: WorkerState): void {
    if (this.#state === 'failed') return;
    this.#state = state.state;
    if (state.state === 'ready') {
      for (const { message } of [...this.#commands.values(), ...this.#queries.values()]) {
        this.#worker.postMessage(message);
      }
      this.#watch();
    }
    if (state.state === 'failed') this.#giveUp();
    this.#on.state(state);
  }

  #fail(detail: string): void {
    this.#enter({ state: 'failed', error: { code: 'wasmFailed', detail } });
  }

  #giveUp(): void {
    for (const { resolve } of this.#commands.values()) resolve({ code: 'storeFailed' });
    for (const { resolve } of this.#queries.values()) resolve(unanswered());
    this.#commands.clear();
    this.#queries.clear();
  }
}

function take<K, T>(pending: Map<K, T>, id: K): T | undefined {
  const entry = pending.get(id);
  pending.delete(id);
  return entry;
}

function unanswered(): QueryReply {
  return { type: 'failed', error: { code: 'storeFailed' } };
}

/** A command's id: 16 random bytes in hexadecimal digits. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * What page and worker say to each other: one typed union each way, plain values only. No key and
 * no ciphertext ever stands in one of them.
 */
import type { Command, Event, Query, QueryReply } from '../generated/types';

/** Why the worker cannot run. The words for it belong to the page. */
export type StartErrorCode =
  /** The browser has no IndexedDB here, or refuses it (private mode, blocked site data). */
  | 'noIndexedDb'
  /** The browser has no Web Locks. */
  | 'noLocks'
  /** The browser has no WebCrypto (an insecure address, mostly). */
  | 'noWebCrypto'
  /** What is on this device cannot be read any more. */
  | 'storeDamaged'
  /** What is on this device was written by an older version, and cannot be read by this one. */
  | 'storeOlder'
  /** What is on this device was written by a newer version. */
  | 'storeNewer'
  /** The store keeps refusing to write. */
  | 'storeFailed'
  /** The device has no room left. */
  | 'storeFull'
  /** The engine could not be loaded, or stopped. */
  | 'wasmFailed'
  /** Another tab runs a newer version: reload. */
  | 'updatedElsewhere';

/** `detail` is for a report of a fault, in English; it holds no names and no texts. */
export type StartError = { code: StartErrorCode; detail: string };

/**
 * `ready` comes again whenever another engine has taken over (the leading tab was closed, or the
 * store was read again): the page then asks for a new snapshot. `failed` is final: reload.
 */
export type WorkerState =
  | { state: 'starting' }
  | { state: 'ready' }
  | { state: 'failed'; error: StartError };

/** What bears on the connection: `Hint` in crates/client/src/api/step.rs. */
export type Hint = 'networkUp' | 'networkDown' | 'watched' | 'nudged' | 'tryNow';

export type PageToWorker =
  /** Where the worker writes the id of each query that it has answered, so that a page can see it without its event loop. */
  | { type: 'answered'; answered: Int32Array }
  /** `id`: 32 hexadecimal digits; the same id never does anything twice. */
  | { type: 'command'; id: string; command: Command }
  | { type: 'query'; id: number; query: Query }
  | { type: 'hint'; hint: Hint };

export type WorkerToPage =
  | ({ type: 'state' } & WorkerState)
  /** What one step of the engine shows. */
  | { type: 'events'; events: Event[] }
  | { type: 'reply'; id: number; reply: QueryReply };

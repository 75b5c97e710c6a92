/**
 * What the model needs of the engine behind the worker. `Rpc` is one; tests and the development
 * page bring another.
 */
import type { Command, CommandError, Event, Query, QueryReply } from '../generated/types';
import type { Hint, StartErrorCode, WorkerState } from '../worker/rpc';

export type Engine = {
  command(command: Command): Promise<CommandError | null>;
  query(query: Query): Promise<QueryReply>;
  /** Waits, for a moment and without its event loop, until what was asked is done. */
  settle(): void;
  /** What bears on the connection. */
  hint(hint: Hint): void;
  /** Ends the worker. What was asked and is not answered is not answered any more. */
  stop(): void;
};

export type EngineListener = { events(events: readonly Event[]): void; state(state: WorkerState): void };

export type Connect = (listener: EngineListener) => Engine;

/** Also what the page finds out before there is a worker. */
export type StartFailure = StartErrorCode | 'insecureContext' | 'noWorker';

export type Start = { state: 'starting' } | { state: 'ready' } | { state: 'failed'; code: StartFailure; detail: string };

/** Stands in where there is no worker: everything is answered, nothing is done. */
export const noEngine: Engine = {
  command: () => Promise.resolve({ code: 'storeFailed' }),
  query: () => Promise.resolve({ type: 'failed', error: { code: 'storeFailed' } }),
  settle: () => undefined,
  hint: () => undefined,
  stop: () => undefined,
};

/** Starts the worker that the engine runs in. */
import workerUrl from '../worker/worker.ts?worker&url';
import { Rpc } from '../worker/rpc';
import type { Connect, StartFailure } from './engine';
import { makeWorker } from './workers';

/** What a browser must have before a worker is worth starting. */
export function missing(): StartFailure | null {
  if (!window.isSecureContext) return 'insecureContext';
  if (typeof Worker === 'undefined') return 'noWorker';
  return null;
}

export const connect: Connect = (listener) => new Rpc(makeWorker(workerUrl, 'pawl'), listener);

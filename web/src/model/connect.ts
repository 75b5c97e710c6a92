/**
 * Starts the worker. The only place that makes one: the one Trusted Types policy of the page lets
 * through nothing but a script of this site's assets.
 */
import workerUrl from '../worker/worker.ts?worker&url';
import { Rpc } from '../worker/rpc';
import type { Connect, StartFailure } from './engine';

/** In development Vite serves the worker's source itself. */
const WORKER_PATH = import.meta.env.DEV ? /\/src\/worker\/worker\.ts$/ : /\/assets\/[\w.-]+\.js$/;

/** What a browser must have before a worker is worth starting. */
export function missing(): StartFailure | null {
  if (!window.isSecureContext) return 'insecureContext';
  if (typeof Worker === 'undefined') return 'noWorker';
  return null;
}

export const connect: Connect = (listener) => {
  const url = workerScript(workerUrl);
  return new Rpc(new Worker(url as unknown as string, { type: 'module', name: 'pawl' }), listener);
};

function workerScript(url: string): string | TrustedScriptURL {
  const policy = window.trustedTypes?.createPolicy('app-worker', { createScriptURL: ownScript });
  return policy ? policy.createScriptURL(url) : ownScript(url);
}

function ownScript(text: string): string {
  const url = new URL(text, document.baseURI);
  if (url.origin !== location.origin || !WORKER_PATH.test(url.pathname)) {
    throw new TypeError(`not a script of this site's assets: ${url.pathname}`);
  }
  return url.href;
}

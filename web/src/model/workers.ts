/**
 * Makes workers, and nothing else does: the one Trusted Types policy of the page lets through nothing
 * but a script of this site's assets.
 */

/** In development Vite serves a worker's source itself. */
const WORKER_PATH = import.meta.env.DEV ? /\/src\/(worker\/worker|scanner\/\w+)\.ts$/ : /\/assets\/[\w.-]+\.js$/;

let policy: Pick<TrustedTypePolicy, 'createScriptURL'> | undefined;

export function makeWorker(url: string, name: string): Worker {
  policy ??= window.trustedTypes?.createPolicy('app-worker', { createScriptURL: ownScript });
  const script = policy ? policy.createScriptURL(url) : ownScript(url);
  return new Worker(script as unknown as string, { type: 'module', name });
}

function ownScript(text: string): string {
  const url = new URL(text, document.baseURI);
  if (url.origin !== location.origin || !WORKER_PATH.test(url.pathname)) {
    throw new TypeError(`not a script of this site's assets: ${url.pathname}`);
  }
  return url.href;
}

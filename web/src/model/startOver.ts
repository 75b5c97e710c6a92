/** Deletes everything that this browser keeps of an account. */

/** The database of crates/wasm. */
const DATABASE = 'pawl';
/** Milliseconds that another tab has to let go of it. */
const PATIENCE = 5000;

/** `blocked`: another tab has it open. */
export type Erased = 'erased' | 'blocked' | 'failed';

/** The worker of this page must have ended. */
export function eraseStore(): Promise<Erased> {
  return new Promise((answer) => {
    setTimeout(() => { answer('blocked'); }, PATIENCE);
    try {
      const request = indexedDB.deleteDatabase(DATABASE);
      request.onsuccess = () => { answer('erased'); };
      request.onerror = () => { answer('failed'); };
    } catch {
      answer('failed');
    }
  });
}

//! Makes every writing transaction of this worker strict. Browsers default to relaxed durability,
//! which a power cut may undo after `complete`, and rexie has no option for it; so the one place
//! through which all transactions go asks for it. ARCHITECTURE.md "Durability".

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(inline_js = r#"
let done = false;
let why = '';
export function makeStrict() {
  if (done || typeof IDBDatabase === 'undefined') return;
  done = true;
  const [begin, open] = [IDBDatabase.prototype.transaction, IDBFactory.prototype.open];
  // What was refused before has nothing to do with what is asked now.
  IDBFactory.prototype.open = function (...given) {
    why = '';
    return open.apply(this, given);
  };
  IDBDatabase.prototype.transaction = function transaction(stores, mode, options) {
    why = '';
    const made = begin.call(this, stores, mode, mode === 'readwrite' ? { ...options, durability: 'strict' } : options);
    // rexie takes a request's error for the end of its transaction, and frees what hears of the abort that follows.
    made.addEventListener('error', (event) => {
      event.stopImmediatePropagation();
      if (event.target.error?.name !== 'AbortError') why = String(event.target.error);
    });
    made.addEventListener('abort', () => { if (made.error) why = String(made.error); });
    return made;
  };
}
// Told once: what fails next has a cause of its own.
export function whyAborted() {
  const told = why;
  why = '';
  return told;
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = makeStrict)]
    pub(super) fn make_strict();

    /// What the browser said when it refused something of the newest transaction or aborted it: rexie does not pass
    /// it on. Nothing where it said nothing.
    #[wasm_bindgen(js_name = whyAborted)]
    pub(super) fn why_aborted() -> String;
}

//! Makes every writing transaction of this worker strict. Browsers default to relaxed durability,
//! which a power cut may undo after `complete`, and rexie has no option for it; so the one place
//! through which all transactions go asks for it. ARCHITECTURE.md "Durability".

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(inline_js = r#"
let done = false;
export function makeStrict() {
  if (done || typeof IDBDatabase === 'undefined') return;
  done = true;
  const open = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function transaction(stores, mode, options) {
    return open.call(this, stores, mode, mode === 'readwrite' ? { ...options, durability: 'strict' } : options);
  };
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = makeStrict)]
    pub(super) fn make_strict();
}

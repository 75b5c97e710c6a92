// What lies in a browser's IndexedDB, read and damaged from the page's own origin.

/** Runs in the page: every store of every database as `[store, key, value]`, all as latin-1 text of bytes. */
async function dumpInPage() {
  const latin1 = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  const flat = (value) => {
    if (value instanceof CryptoKey) return `CryptoKey ${value.type} extractable=${value.extractable}`;
    if (value instanceof ArrayBuffer) return latin1(new Uint8Array(value));
    if (ArrayBuffer.isView(value)) return latin1(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    if (Array.isArray(value)) return value.map(flat).join(' ');
    if (value !== null && typeof value === 'object') return Object.entries(value).map(([name, inner]) => `${name}=${flat(inner)}`).join(' ');
    return latin1(new TextEncoder().encode(String(value)));
  };
  const asked = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const rows = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await asked(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const objects = database.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([asked(objects.getAllKeys()), asked(objects.getAll())]);
      keys.forEach((key, i) => rows.push([store, flat(key), flat(values[i])]));
    }
    database.close();
  }
  return rows;
}

/** Runs in the page: turns over a bit in every byte array of some records of a store; says how many. */
async function damageInPage(store, which) {
  const asked = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const bytesIn = (value) => {
    if (value instanceof ArrayBuffer) return [new Uint8Array(value)];
    if (ArrayBuffer.isView(value)) return [new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
    if (value instanceof CryptoKey || value === null || typeof value !== 'object') return [];
    return Object.values(value).flatMap(bytesIn);
  };
  let damaged = 0;
  for (const { name } of await indexedDB.databases()) {
    const database = await asked(indexedDB.open(name));
    if (database.objectStoreNames.contains(store)) {
      const objects = database.transaction(store, 'readwrite').objectStore(store);
      const cursor = objects.openCursor();
      await new Promise((done, failed) => {
        let index = 0;
        cursor.onerror = () => failed(cursor.error);
        cursor.onsuccess = () => {
          const at = cursor.result;
          if (at === null) return done();
          const bytes = bytesIn(at.value).filter((array) => array.length > 0);
          if ((which === null || which === index) && bytes.length > 0) {
            for (const array of bytes) array[array.length - 1] ^= 1;
            at.update(at.value);
            damaged += 1;
          }
          index += 1;
          return at.continue();
        };
      });
    }
    database.close();
  }
  return damaged;
}

/** Every record as `{ store, key, value }`, keys and values as bytes. */
export async function dump(tab) {
  const rows = await tab.page.evaluate(dumpInPage);
  return rows.map(([store, key, value]) => ({ store, key: Buffer.from(key, 'latin1'), value: Buffer.from(value, 'latin1') }));
}

/**
 * Turns over bits in record number `which` of a store (all of them for `null`) while the page is not
 * running, which would write over them, and opens the page again where it was. How many were damaged.
 */
export async function damage(tab, store, which = null) {
  const { hash } = new URL(tab.page.url());
  await tab.page.goto(`${tab.url}/favicon.svg`);
  const damaged = await tab.page.evaluate(damageInPage, store, which);
  await tab.goto(hash);
  return damaged;
}

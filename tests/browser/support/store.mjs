// What lies in a browser's IndexedDB, read and changed from the page's own origin.

import { hkdfSync, randomBytes } from 'node:crypto';

import sodium from 'libsodium-wrappers';

/** The engine's tables. */
const TABLES = ['meta', 'contacts', 'conversations', 'sessions', 'prekeys', 'outbox', 'messages'];
/** Bytes of a sealed record in front of the ciphertext: the seal's version and the nonce. */
const NONCE_AT = 1;
const SEALED_AT = NONCE_AT + 24;

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

/** Runs in the page: the data key, which the browser's own key unwraps. */
async function dataKeyInPage() {
  const asked = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const database = await asked(indexedDB.open('pawl'));
  const keys = database.transaction('keys').objectStore('keys');
  const [wrapping, wrapped] = await Promise.all([asked(keys.get('wrapping')), asked(keys.get('wrapped'))]);
  database.close();
  const opened = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: wrapped.slice(0, 12) }, wrapping, wrapped.slice(12));
  return Array.from(new Uint8Array(opened));
}

/** Runs in the page: puts `[store, key, value]` in the place of what stands there. */
async function writeInPage(rows) {
  const asked = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const bytes = (latin1) => Uint8Array.from(latin1, (character) => character.charCodeAt(0));
  const database = await asked(indexedDB.open('pawl'));
  for (const [store, key, value] of rows) {
    await asked(database.transaction(store, 'readwrite').objectStore(store).put(bytes(value), bytes(key)));
  }
  database.close();
}

/** A sealed record with another version in its first byte; seal.rs says how it is sealed. */
function aged({ store, key, value }, dataKey, version) {
  const sealing = Buffer.from(hkdfSync('sha256', dataKey, '', 'Pawl store: records v1', 32));
  const place = Buffer.concat([Buffer.from(`Pawl record v1${store}\0`), key, value.subarray(0, NONCE_AT)]);
  const nonce = value.subarray(NONCE_AT, SEALED_AT);
  const record = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, value.subarray(SEALED_AT), place, nonce, sealing);
  record[0] = version;
  const fresh = randomBytes(nonce.length);
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(record, place, null, fresh, sealing);
  return Buffer.concat([value.subarray(0, NONCE_AT), fresh, sealed]);
}

/**
 * Makes a store of Pawl 0.2 of it: every record gets version 1 under the store's own seal, while the page is
 * not running. How many there were.
 */
export async function age(tab) {
  await sodium.ready;
  const { hash } = new URL(tab.page.url());
  await tab.page.goto(`${tab.url}/favicon.svg`);
  const dataKey = Buffer.from(await tab.page.evaluate(dataKeyInPage));
  const records = (await dump(tab)).filter((record) => TABLES.includes(record.store));
  const latin1 = (bytes) => bytes.toString('latin1');
  await tab.page.evaluate(writeInPage, records.map((record) => [record.store, latin1(record.key), latin1(aged(record, dataKey, 1))]));
  await tab.goto(hash);
  return records.length;
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

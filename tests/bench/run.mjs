// Times Pawl's protocol in wasm under Node beside two published packages, and prints JSON rows.
//
//   node tests/bench/run.mjs FOLDER      (FOLDER: what wasm-bindgen --target web made of pawl-bench)

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { row, rows } from './measure.mjs';
import { setUpOlm } from './olm.mjs';
import { setUpSodium } from './sodium.mjs';

async function load(folder) {
  const pawl = await import(pathToFileURL(path.resolve(folder, 'pawl_bench.js')).href);
  pawl.initSync({ module: readFileSync(path.join(folder, 'pawl_bench_bg.wasm')) });
  return pawl;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder holds pawl_bench.js?');

const pawl = await load(folder);
rows({
  pawl: () => new pawl.Conversation(),
  'libsodium-wrappers': await setUpSodium(),
  '@matrix-org/olm': await setUpOlm(),
});
// Nothing to compare it with: neither of the others opens a message a thousand of whose predecessors were lost.
const skipped = new pawl.Skipped();
row('skipped', 1, [{ implementation: 'pawl', work: () => skipped.open() }]);
// A slice of a registration's work, where a relay asks for it.
const TRIES = 1 << 16;
row('work', TRIES, [{ implementation: 'pawl', work: () => pawl.work(TRIES) }]);

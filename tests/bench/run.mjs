// Times Pawl's protocol in wasm under Node beside two published packages, and prints JSON rows.
//
//   node tests/bench/run.mjs FOLDER      (FOLDER: what wasm-bindgen --target web made of pawl-bench)

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { rows } from './measure.mjs';
import { setUpOlm } from './olm.mjs';
import { setUpSodium } from './sodium.mjs';

async function setUpPawl(folder) {
  const pawl = await import(pathToFileURL(path.resolve(folder, 'pawl_bench.js')).href);
  pawl.initSync({ module: readFileSync(path.join(folder, 'pawl_bench_bg.wasm')) });
  return () => new pawl.Conversation();
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder holds pawl_bench.js?');

rows({
  pawl: await setUpPawl(folder),
  'libsodium-wrappers': await setUpSodium(),
  '@matrix-org/olm': await setUpOlm(),
});

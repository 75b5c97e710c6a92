// How large files are over the wire: a JSON row for each argument, with raw, gzip -9 and Brotli 11 bytes.

import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

for (const file of process.argv.slice(2)) {
  const content = readFileSync(file);
  const gzip = gzipSync(content, { level: 9 }).length;
  const brotli = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
  console.log(JSON.stringify({ file, raw: content.length, gzip, brotli }));
}

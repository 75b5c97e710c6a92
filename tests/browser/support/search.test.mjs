import assert from 'node:assert/strict';
import test from 'node:test';

import { contains } from './search.mjs';

const WORD = 'plover-egg-7731-quince';

test('harness: a text is found in every encoding and at every alignment, and not where it is not', () => {
  const hidden = [
    Buffer.from(`..${WORD}..`),
    Buffer.from(`..${WORD}..`, 'utf16le'),
    Buffer.from(WORD).toString('hex'),
    Buffer.from(`a${WORD}`).toString('base64'),
    Buffer.from(`ab${WORD}z`).toString('base64'),
    Buffer.from(`abc${WORD}zz`).toString('base64url'),
  ];
  for (const heap of hidden) assert.ok(contains(Buffer.from(heap), WORD), String(heap));
  assert.equal(contains(Buffer.from('plover-egg-7731-quinc'), WORD), false);
});

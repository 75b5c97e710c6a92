import assert from 'node:assert/strict';
import test from 'node:test';

import { encodeFrame, UpgradedStream } from './frames.mjs';

const HEAD = Buffer.from('GET /api/ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n');

function payloads(stream, chunks) {
  const seen = [];
  for (const chunk of chunks) {
    for (const part of stream.push(chunk)) if (part.frame) seen.push(part.frame.payload);
  }
  return seen;
}

test('harness: frames of every length class come out of a stream as they went in, however it is cut', () => {
  const mask = Buffer.from([1, 2, 3, 250]);
  const sent = [0, 1, 125, 126, 65_535, 65_536, 70_000].map((size) => Buffer.alloc(size, size & 0xff));
  const bytes = Buffer.concat([HEAD, ...sent.map((payload) => encodeFrame({ first: 0x82, mask, payload }))]);
  for (const step of [bytes.length, 4_099, 17]) {
    const chunks = [];
    for (let at = 0; at < bytes.length; at += step) chunks.push(bytes.subarray(at, at + step));
    assert.deepEqual(payloads(new UpgradedStream(), chunks), sent);
  }
});

test('harness: a masked frame hides its payload on the wire, and the reader takes the mask off', () => {
  const payload = Buffer.from('a word that is looked for');
  const bytes = encodeFrame({ first: 0x82, mask: Buffer.from([9, 8, 7, 6]), payload });
  assert.equal(bytes.indexOf(payload), -1);
  assert.deepEqual(payloads(new UpgradedStream(), [HEAD, bytes]), [payload]);
});

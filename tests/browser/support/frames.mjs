// WebSocket frames on a TCP stream, read and written again (RFC 6455 §5.2). What browsers send is
// masked; whoever searches the wire for plaintext must take the mask off first.

function applyMask(payload, mask) {
  const out = Buffer.from(payload);
  if (mask !== null) for (let i = 0; i < out.length; i += 1) out[i] ^= mask[i & 3];
  return out;
}

function extendedLength(bytes, short) {
  if (short < 126) return { size: 2, length: short };
  if (short === 126) return bytes.length < 4 ? null : { size: 4, length: bytes.readUInt16BE(2) };
  return bytes.length < 10 ? null : { size: 10, length: Number(bytes.readBigUInt64BE(2)) };
}

function readFrame(bytes) {
  if (bytes.length < 2) return null;
  const masked = (bytes[1] & 0x80) !== 0;
  const header = extendedLength(bytes, bytes[1] & 0x7f);
  if (header === null) return null;
  const start = header.size + (masked ? 4 : 0);
  const end = start + header.length;
  if (bytes.length < end) return null;
  const mask = masked ? Buffer.from(bytes.subarray(header.size, start)) : null;
  return { first: bytes[0], opcode: bytes[0] & 0x0f, mask, payload: applyMask(bytes.subarray(start, end), mask), end };
}

/** A frame's bytes, with the first byte and the mask that it had. */
export function encodeFrame({ first, mask, payload }) {
  const bit = mask === null ? 0 : 0x80;
  let header;
  if (payload.length < 126) {
    header = Buffer.from([first, bit | payload.length]);
  } else if (payload.length < 65_536) {
    header = Buffer.from([first, bit | 126, payload.length >> 8, payload.length & 0xff]);
  } else {
    header = Buffer.alloc(10);
    header[0] = first;
    header[1] = bit | 127;
    header.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  return Buffer.concat([header, mask ?? Buffer.alloc(0), applyMask(payload, mask)]);
}

/** Cuts a stream that begins with an HTTP head into that head and frames. */
export class UpgradedStream {
  #bytes = Buffer.alloc(0);
  #headDone = false;

  /** What `chunk` completes: `{ head }` once, then `{ frame }`s. */
  *push(chunk) {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (!this.#headDone) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      yield { head: this.#bytes.subarray(0, end + 4) };
      this.#bytes = this.#bytes.subarray(end + 4);
      this.#headDone = true;
    }
    for (let frame = readFrame(this.#bytes); frame !== null; frame = readFrame(this.#bytes)) {
      this.#bytes = this.#bytes.subarray(frame.end);
      yield { frame };
    }
  }
}

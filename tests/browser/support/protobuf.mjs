// Just enough of protobuf to tell what a frame is and to pick a field out of it. Field numbers are
// those of the frame contract (crates/wire), which never change meaning.

/** Kinds of frames, by the field number of the outermost message. */
export const CLIENT = { auth: 1, register: 2, submit: 3, ack: 4, lookUp: 5, fetchBundle: 6, publish: 7, ping: 8 };
export const RELAY = { challenge: 1, authOk: 2, stored: 3, refused: 4, deliver: 5, account: 7, bundle: 8 };

function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n, i = at; i < bytes.length; i += 1, shift += 7n) {
    value |= BigInt(bytes[i] & 0x7f) << shift;
    if (bytes[i] < 0x80) return { value, next: i + 1 };
  }
  throw new Error('protobuf: a number without an end');
}

function field(bytes, at) {
  const tag = varint(bytes, at);
  const number = Number(tag.value >> 3n);
  const wireType = Number(tag.value & 7n);
  const head = varint(bytes, tag.next);
  if (wireType === 0) return { number, value: head.value, next: head.next };
  if (wireType !== 2) throw new Error(`protobuf: wire type ${wireType}`);
  const next = head.next + Number(head.value);
  if (next > bytes.length) throw new Error('protobuf: a field without an end');
  return { number, value: bytes.subarray(head.next, next), next };
}

/** All fields of a message: numbers as bigint, everything else as bytes. */
export function fields(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const one = field(bytes, at);
    found.push(one);
    at = one.next;
  }
  return found;
}

/** The value at a path of field numbers. */
export function pick(bytes, ...path) {
  return path.reduce((inner, number) => {
    const found = fields(inner).find((one) => one.number === number);
    if (found === undefined) throw new Error(`protobuf: no field ${number} of path ${path.join('.')}`);
    return found.value;
  }, bytes);
}

/** The kind of a frame: the number of its one field. */
export function kindOf(payload) {
  return payload.length === 0 ? 0 : payload[0] >> 3;
}

/** `bytes` with every occurrence of `from` replaced by `to`, which must be as long. */
export function substitute(bytes, from, to) {
  if (from.length !== to.length) throw new Error('substitute: both must be of one length');
  const out = Buffer.from(bytes);
  for (let at = out.indexOf(from); at >= 0; at = out.indexOf(from, at + to.length)) Buffer.from(to).copy(out, at);
  return out;
}

// Looking for a text in a heap of bytes, in every dress that it might wear.

/** The parts of a base64 text that do not depend on what stands before it. */
function base64Cores(bytes) {
  return [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').replace(/=+$/, '');
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
}

/** Shorter texts leave nothing certain of themselves in base64. */
const SHORTEST = 12;

/** Encodings of a text: UTF-8, UTF-16 both ways, hexadecimal, base64 at each alignment, plain and URL-safe. */
export function dresses(text) {
  const utf8 = Buffer.from(text, 'utf8');
  if (utf8.length < SHORTEST) throw new Error(`too short to be searched for: ${text}`);
  const utf16 = Buffer.from(text, 'utf16le');
  const cores = base64Cores(utf8).flatMap((core) => [core, core.replaceAll('+', '-').replaceAll('/', '_')]);
  const texts = [...cores, utf8.toString('hex'), utf8.toString('hex').toUpperCase(), encodeURIComponent(text)];
  return [utf8, utf16, Buffer.from(utf16).swap16(), ...texts.map((one) => Buffer.from(one, 'latin1'))];
}

/** Whether a text stands in a heap in any dress. */
export function contains(heap, text) {
  return dresses(text).some((needle) => heap.includes(needle));
}

/**
 * A .zip without compression, made of parts that the browser may keep on its disk. Names are plain ASCII; a
 * file or the whole of more than 4 GB is refused, since the format would need its other form then.
 */

/** The largest number of four bytes. */
const MAX_BYTES = 0xffffffff;
const MAX_FILES = 0xffff;
/** Bytes that are summed up at a time. */
const PIECE = 1 << 20;

export class TooLarge extends Error {}

export class Zip {
  readonly #time: number;
  readonly #limit: number;
  readonly #parts: BlobPart[] = [];
  readonly #directory: BlobPart[] = [];
  #length = 0;
  #files = 0;

  /** `at`: what the files say of when they were made. */
  constructor(at: Date, limit = MAX_BYTES) {
    this.#time = dosTime(at);
    this.#limit = limit;
  }

  async add(name: string, content: Blob): Promise<void> {
    const sum = await crc32(content);
    const ascii = Uint8Array.from(name, (character) => character.charCodeAt(0));
    // Version 1.0, no flags, stored as it is; then what is told of the file in both places.
    const told = numbers([2, 10], [2, 0], [2, 0], [4, this.#time], [4, sum], [4, content.size], [4, content.size], [2, ascii.length], [2, 0]);
    const local = [numbers([4, 0x04034b50]), told, ascii, content];
    // No comment, one disk, no attributes, and where it begins.
    const entry = [numbers([4, 0x02014b50], [2, 10]), told, numbers([2, 0], [2, 0], [2, 0], [4, 0], [4, this.#length]), ascii];
    const after = this.#length + size(local);
    if (after + size(this.#directory) + size(entry) > this.#limit || this.#files === MAX_FILES) throw new TooLarge();
    this.#parts.push(...local);
    this.#directory.push(...entry);
    this.#length = after;
    this.#files += 1;
  }

  end(): Blob {
    const length = size(this.#directory);
    const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, this.#files], [2, this.#files], [4, length], [4, this.#length], [2, 0]);
    return new Blob([...this.#parts, ...this.#directory, end], { type: 'application/zip' });
  }
}

/** Numbers of so many bytes each, the lowest byte first. */
function numbers(...all: ReadonlyArray<readonly [bytes: number, value: number]>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(all.flatMap(([bytes, value]) => Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256)));
}

function size(parts: readonly BlobPart[]): number {
  return parts.reduce((sum, part) => sum + (part instanceof Blob ? part.size : (part as Uint8Array).length), 0);
}

/** Two seconds, minutes, hours, and the date from 1980 on, in the local time. */
function dosTime(at: Date): number {
  const date = ((Math.max(at.getFullYear(), 1980) - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
  const time = (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1);
  return date * 0x10000 + time;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});

async function crc32(content: Blob): Promise<number> {
  let sum = -1;
  for (let from = 0; from < content.size; from += PIECE) {
    const bytes = new Uint8Array(await content.slice(from, from + PIECE).arrayBuffer());
    for (const byte of bytes) sum = (sum >>> 8) ^ (TABLE[(sum ^ byte) & 0xff] ?? 0);
  }
  return ~sum >>> 0;
}

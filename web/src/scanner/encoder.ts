/**
 * Makes one QR code, in a worker of its own that is loaded when somebody looks at a safety number: the
 * encoder would be three kilobytes of everybody's first visit.
 */
import { encode } from 'uqr';

/** Modules of light around it, as the standard asks. */
const QUIET = 4;

type Scope = {
  postMessage(made: { size: number; path: string }): void;
  addEventListener(type: 'message', listener: (event: { data: number[] }) => void): void;
};

const scope = self as unknown as Scope;

scope.addEventListener('message', ({ data: bytes }) => {
  const { size, data } = encode(bytes, { ecc: 'M', border: QUIET });
  scope.postMessage({ size, path: outline(data) });
});

/** Each run of dark modules in a row is one rectangle. */
function outline(data: readonly (readonly boolean[])[]): string {
  const path: string[] = [];
  data.forEach((row, y) => {
    for (let x = 0; x < row.length; x += 1) {
      if (!row[x]) continue;
      const begin = x;
      while (row[x + 1]) x += 1;
      path.push(`M${begin} ${y}h${x + 1 - begin}v1H${begin}z`);
    }
  });
  return path.join('');
}

/** Bytes as a QR code: one SVG path, dark on light in every theme so that cameras read it. */
import { encode } from 'uqr';
import { words } from '../words';

/** Modules of light around it, as the standard asks. */
const QUIET = 4;

export function QrCode({ bytes }: { bytes: readonly number[] }) {
  const { size, data } = encode(Array.from(bytes), { ecc: 'M', border: QUIET });
  return (
    <svg class="qr" role="img" aria-label={words.safetyNumberQr} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect class="qr-light" width={size} height={size} />
      <path class="qr-dark" d={outline(data)} />
    </svg>
  );
}

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

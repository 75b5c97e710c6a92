/** Has a worker make QR codes. Says nothing of what they mean. */
import encoderUrl from '../scanner/encoder.ts?worker&url';
import { makeWorker } from './workers';

/** A square of `size` units, and the dark in it as an SVG path. */
export type QrDrawing = { size: number; path: string };

/** `null` where the encoder cannot be had, as without a network: the digits say the same. */
export function drawQrCode(bytes: readonly number[]): Promise<QrDrawing | null> {
  const encoder = makeWorker(encoderUrl, 'encoder');
  return new Promise<QrDrawing | null>((answer) => {
    encoder.onmessage = (event: MessageEvent<QrDrawing>) => { answer(event.data); };
    encoder.onerror = () => { answer(null); };
    encoder.postMessage(Array.from(bytes));
  }).finally(() => { encoder.terminate(); });
}

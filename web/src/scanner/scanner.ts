/**
 * Looks for a QR code in a camera's pictures, in a worker of its own that is loaded when somebody
 * scans. Answers each picture with the code's bytes, or with nothing where there is none. Bytes, which
 * is why the browser's own BarcodeDetector, where there is one, does not help: it tells text only.
 */
import { decodeQR } from 'qr/decode.js';

/** Pixels of the longer side in which is looked: enough for a code that fills a quarter of the picture. */
const LONGER_SIDE = 800;

type Scope = {
  postMessage(found: number[] | null): void;
  addEventListener(type: 'message', listener: (event: { data: ImageBitmap }) => void): void;
};

const scope = self as unknown as Scope;
const canvas = new OffscreenCanvas(1, 1);
const pen = canvas.getContext('2d', { willReadFrequently: true });

scope.addEventListener('message', ({ data: picture }) => {
  scope.postMessage(look(picture));
  picture.close();
});

function look(picture: ImageBitmap): number[] | null {
  const scale = Math.min(1, LONGER_SIDE / Math.max(picture.width, picture.height));
  const [width, height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  [canvas.width, canvas.height] = [width, height];
  pen?.drawImage(picture, 0, 0, width, height);
  const image = pen?.getImageData(0, 0, width, height);
  return image ? read(image) : null;
}

/** A code without a part that stands in bytes has none: it is not one of ours. */
function read(image: ImageData): number[] | null {
  const found: number[] = [];
  const textDecoder = (bytes: Uint8Array) => {
    found.push(...bytes);
    return '';
  };
  try {
    decodeQR(image, { textDecoder });
    return found;
  } catch {
    return null;
  }
}

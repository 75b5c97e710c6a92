/** Bytes as a QR code: one SVG path, dark on light in every theme so that cameras read it. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { drawQrCode, type QrDrawing } from '../model/qrCode';
import { words } from '../words';

/** For one number only: another number is another component, so that never one stands beside the other's digits. */
export function QrCode({ bytes }: { bytes: readonly number[] }) {
  const drawing = useSignal<QrDrawing | null | undefined>(undefined);
  useEffect(() => {
    void drawQrCode(bytes).then((made) => { drawing.value = made; });
  }, []);
  if (drawing.value === null) return null;
  if (drawing.value === undefined) return <div class="qr" />;
  const { size, path } = drawing.value;
  return (
    <svg class="qr" role="img" aria-label={words.safetyNumberQr} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect class="qr-light" width={size} height={size} />
      <path class="qr-dark" d={path} />
    </svg>
  );
}

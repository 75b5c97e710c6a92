/**
 * Reading a QR code through the camera: asks for the camera, shows it in a video element and has a
 * worker look at one picture after the other. Says nothing of what the code means.
 */
import { signal } from '@preact/signals';
import scannerUrl from '../scanner/scanner.ts?worker&url';
import { makeWorker } from './workers';

export type ScanFailure = 'noCamera' | 'cameraRefused' | 'cameraFailed' | 'scannerFailed';

/** Milliseconds from one answer to the next picture: the page stays smooth, and a hand is not that fast. */
const PAUSE = 60;

export class Scan {
  /** Whether somebody scans now. */
  readonly on = signal(false);
  readonly failure = signal<ScanFailure | null>(null);
  /** Ends what is under way. */
  #end: (() => void) | undefined;

  begin(): void {
    this.failure.value = null;
    this.on.value = true;
  }

  stop(): void {
    this.on.value = false;
    this.#end?.();
  }

  /** The bytes of the first code that comes into view; nothing where it was stopped or failed. */
  async find(video: HTMLVideoElement): Promise<number[] | null> {
    const ended = new AbortController();
    this.#end = () => { ended.abort(); };
    const fail = (failure: ScanFailure) => {
      if (ended.signal.aborted) return;
      this.failure.value = failure;
      this.stop();
    };
    try {
      await show(video, ended.signal, () => { fail('cameraFailed'); });
      const bytes = await look(video, ended.signal);
      return ended.signal.aborted ? null : bytes;
    } catch (error) {
      fail(failureOf(error));
      return null;
    } finally {
      ended.abort();
    }
  }
}

/** Why there is no picture, by what the browser calls it. */
export function failureOf(error: unknown): ScanFailure {
  if (error instanceof ScannerError) return 'scannerFailed';
  switch (error instanceof Error || error instanceof DOMException ? error.name : '') {
    case 'NotFoundError':
    case 'OverconstrainedError':
    case 'TypeError': // No cameras at all as far as this page is concerned.
      return 'noCamera';
    case 'NotAllowedError':
    case 'SecurityError':
      return 'cameraRefused';
    default:
      return 'cameraFailed';
  }
}

class ScannerError extends Error {}

/** Lets the camera be seen until the end, which switches it off. */
async function show(video: HTMLVideoElement, end: AbortSignal, lost: () => void): Promise<void> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  const off = () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  if (end.aborted) return off();
  end.addEventListener('abort', off);
  for (const track of stream.getTracks()) track.addEventListener('ended', lost);
  video.srcObject = stream;
  await video.play();
}

/** Has the worker look until it finds something. */
async function look(video: HTMLVideoElement, end: AbortSignal): Promise<number[] | null> {
  const scanner = makeWorker(scannerUrl, 'scanner');
  end.addEventListener('abort', () => { scanner.terminate(); });
  while (!end.aborted) {
    const bytes = await ask(scanner, await createImageBitmap(video), end);
    if (bytes) return bytes;
    await new Promise((done) => { setTimeout(done, PAUSE); });
  }
  return null;
}

function ask(scanner: Worker, picture: ImageBitmap, end: AbortSignal): Promise<number[] | null> {
  return new Promise((answer, fail) => {
    scanner.onmessage = (event: MessageEvent<number[] | null>) => { answer(event.data); };
    scanner.onerror = () => { fail(new ScannerError()); };
    end.addEventListener('abort', () => { answer(null); }, { once: true });
    scanner.postMessage(picture, [picture]);
  });
}

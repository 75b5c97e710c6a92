// A camera that shows what a test wants: a QR code in a video file that Chromium takes for one.
// (Firefox has no such thing; there the tests hold what happens without a camera.)

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { encode } from 'uqr';

const WIDTH = 640;
const HEIGHT = 480;
/** Pixels of a module: a code of ours with its margin then fills most of the picture's height. */
const MODULE = 8;
const BACKGROUND = 120;
const FRAMES = 5;

/** One grey picture with the code in its middle; no code for `null`. */
function frame(rows) {
  const luma = Buffer.alloc(WIDTH * HEIGHT, BACKGROUND);
  const left = Math.floor((WIDTH - (rows?.length ?? 0) * MODULE) / 2);
  const top = Math.floor((HEIGHT - (rows?.length ?? 0) * MODULE) / 2);
  rows?.forEach((row, y) => row.forEach((dark, x) => {
    for (let line = 0; line < MODULE; line += 1) {
      const at = (top + y * MODULE + line) * WIDTH + left + x * MODULE;
      luma.fill(dark ? 20 : 235, at, at + MODULE);
    }
  }));
  return Buffer.concat([Buffer.from('FRAME\n'), luma, Buffer.alloc(WIDTH * HEIGHT / 2, 128)]);
}

export class Camera {
  static async create() {
    const camera = new Camera();
    camera.folder = await mkdtemp(path.join(os.tmpdir(), 'pawl-camera-'));
    camera.file = path.join(camera.folder, 'camera.y4m');
    await camera.show(null);
    return camera;
  }

  /** For `Browser.launch`: the file is read anew whenever a page switches the camera on. */
  get own() {
    return { chromiumArgs: ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${this.file}`] };
  }

  /** Rows of modules, true for dark, margin included. */
  async show(rows) {
    const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`);
    await writeFile(this.file, Buffer.concat([head, ...Array(FRAMES).fill(frame(rows))]));
  }

  /** Text or bytes as any other program would draw them. */
  async showCodeOf(content) {
    await this.show(encode(content, { ecc: 'M', border: 4 }).data);
  }

  /** What a page shows as an SVG of one path, as this project's pages do. */
  async showCodeOn(image) {
    const { size, outline } = await image.evaluate((svg) => ({ size: svg.viewBox.baseVal.width, outline: svg.querySelector('path').getAttribute('d') }));
    const rows = Array.from({ length: size }, () => Array(size).fill(false));
    for (const [, x, y, width] of outline.matchAll(/M(\d+) (\d+)h(\d+)/g)) rows[y].fill(true, Number(x), Number(x) + Number(width));
    await this.show(rows);
  }

  async close() {
    await rm(this.folder, { recursive: true, force: true });
  }
}

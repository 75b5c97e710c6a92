import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url));

/** Width and height as a PNG's first chunk says. */
function sizeOf(name: string): string {
  const bytes = read(`public/${name}`);
  expect(bytes.toString('latin1', 1, 4), name).toBe('PNG');
  return `${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`;
}

test('a home screen finds an icon in pixels of each size and kind, and each is what it says', () => {
  const { icons } = JSON.parse(read('public/manifest.webmanifest').toString()) as { icons: { src: string; sizes: string; type: string; purpose: string }[] };
  const pixels = icons.filter((icon) => icon.type === 'image/png');
  expect(pixels.map((icon) => `${icon.sizes} ${icon.purpose}`)).toEqual(['192x192 any', '512x512 any', '512x512 maskable']);
  for (const icon of pixels) expect(sizeOf(icon.src.replace('./', ''))).toBe(icon.sizes);
  expect(read('index.html').toString()).toContain('<link rel="apple-touch-icon" href="./apple-touch-icon.png" />');
  expect(sizeOf('apple-touch-icon.png')).toBe('180x180');
});

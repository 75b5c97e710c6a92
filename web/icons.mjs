// Makes the icons in public/ that have to be pixels, from public/favicon.svg, with Chromium:
//
//   node web/icons.mjs
//
// Telephones that put Pawl on their home screen cut the corners themselves: those icons fill their square.
// Of a maskable one no more than the middle four fifths are sure to be seen.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import puppeteer from 'puppeteer-core';

import { executableOf } from '../tests/browser/support/browser.mjs';

const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'public');
const svg = readFileSync(path.join(folder, 'favicon.svg'), 'utf8');
const square = svg.replace(' rx="15"', '');

/** The drawing without its ground, smaller, on the same ground. */
const small = square.replace(/(<rect[^>]*>)([\s\S]*)<\/svg>/, '$1<g transform="translate(32 32) scale(0.7) translate(-32 -34)">$2</g></svg>');

const ICONS = [
  ['apple-touch-icon.png', 180, square],
  ['icon-192.png', 192, svg],
  ['icon-512.png', 512, svg],
  ['icon-maskable-512.png', 512, small],
];

const browser = await puppeteer.launch({ executablePath: executableOf('chromium'), args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage();
for (const [name, size, drawing] of ICONS) {
  await page.setViewport({ width: size, height: size });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${drawing}`);
  await page.screenshot({ path: path.join(folder, name), omitBackground: true });
}
await browser.close();

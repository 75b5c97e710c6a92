/**
 * Builds the page: one script, one worker, one style sheet, the wasm, all with hashed names under
 * assets/, nothing inline (the Content-Security-Policy forbids it), relative addresses throughout.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The relay sends `Integrity-Policy: blocked-destinations=(script)`: every script states its hash. */
function scriptIntegrity(): Plugin {
  return {
    name: 'script-integrity',
    apply: 'build',
    enforce: 'post',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        return html.replace(/<(?:script|link)[^>]* (?:src|href)="\.\/(assets\/[^"]+)"/g, (tag, file: string) => {
          const output = bundle?.[file];
          if (!output) throw new Error(`${file} is referenced and not built`);
          const bytes = output.type === 'chunk' ? output.code : output.source;
          return `${tag} integrity="sha384-${createHash('sha384').update(bytes).digest('base64')}"`;
        });
      },
    },
  };
}

function version(): string {
  const manifest = readFileSync(new URL('../Cargo.toml', import.meta.url), 'utf8');
  return /^version = "([^"]+)"/m.exec(manifest)?.[1] ?? '0';
}

export default defineConfig({
  base: './',
  define: { __PAWL_VERSION__: JSON.stringify(version()) },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [scriptIntegrity()],
  worker: { format: 'es' },
  // `npm run dev` beside a running relay.
  server: { proxy: { '/api': { target: 'http://127.0.0.1:8080', ws: true } } },
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
    reportCompressedSize: false,
  },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});

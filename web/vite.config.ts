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

/**
 * Writes down the npm packages in scripts and worker, for `cargo xtask` to collect their licences. The name begins
 * with a dot: the relay leaves the file out of what it serves.
 */
function packagesInside(): { ofPage: Plugin; ofWorker: Plugin } {
  const packages = new Set<string>();
  const note = (modules: readonly string[]) => {
    for (const module of modules) {
      const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1];
      if (name) packages.add(name);
    }
  };
  const noting: Plugin = {
    name: 'packages-inside',
    apply: 'build',
    generateBundle(_, bundle) {
      for (const output of Object.values(bundle)) if (output.type === 'chunk') note(output.moduleIds);
    },
  };
  return {
    ofWorker: noting,
    ofPage: {
      name: 'packages-inside-page',
      apply: 'build',
      generateBundle: {
        // Workers are built while the page's modules are read, so theirs are known by now.
        order: 'post',
        handler(_, bundle) {
          for (const output of Object.values(bundle)) if (output.type === 'chunk') note(output.moduleIds);
          this.emitFile({ type: 'asset', fileName: '.packages.json', source: JSON.stringify([...packages].sort()) });
        },
      },
    },
  };
}

const inside = packagesInside();

function version(): string {
  const manifest = readFileSync(new URL('../Cargo.toml', import.meta.url), 'utf8');
  return /^version = "([^"]+)"/m.exec(manifest)?.[1] ?? '0';
}

export default defineConfig({
  base: './',
  define: { __PAWL_VERSION__: JSON.stringify(version()) },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [scriptIntegrity(), inside.ofPage],
  worker: { format: 'es', plugins: () => [inside.ofWorker] },
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

/**
 * ESLint for the page and the browser tests: TypeScript's checked rules, no HTML strings, lengths, and who
 * may import whom in web/src: view -> model -> worker/rpc.ts -> worker, never the other way.
 */
import js from '@eslint/js';
import noUnsanitized from 'eslint-plugin-no-unsanitized';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/** Imports that a folder of web/src must not have, each with its reason. */
function directions(folder, ...patterns) {
  return {
    files: [`web/src/${folder}/**/*.{ts,tsx}`],
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  };
}

const NO_WORKER = { regex: '/worker/', message: 'The view knows the model only.' };
const NO_PACKAGE = { regex: '/generated/pkg', message: 'Only the worker loads the engine.' };
const RPC_ONLY = {
  regex: '/worker/(?!rpc(\\.ts)?$|worker\\.ts\\?worker&url$)',
  message: 'The model reaches the worker through worker/rpc.ts only.',
};
const NO_VIEW = { regex: '/view/', message: 'What is below the view does not know it.' };
const NO_MODEL = { regex: '/model/', message: 'The worker knows neither model nor view.' };
const NO_PREACT = { regex: '^(@preact/|preact)', message: 'There is no page in the worker.' };

export default tseslint.config(
  { ignores: ['**/node_modules/', 'target/', 'web/dist/', 'web/src/generated/', '.pawl/'] },
  js.configs.recommended,
  noUnsanitized.configs.recommended,
  {
    languageOptions: { globals: { ...globals.node } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'max-lines': ['error', 500],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': [
        'error',
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'Text nodes only.' },
        { selector: "JSXAttribute[name.name='style'][value.type='Literal']", message: 'The CSP blocks style attributes.' },
      ],
    },
  },
  {
    files: ['web/**/*.{ts,tsx}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: 'web/tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  // What is handed to page.evaluate runs in the page.
  { files: ['tests/browser/**/*.mjs', 'tests/bench/client.mjs'], languageOptions: { globals: { ...globals.browser } } },
  // It loads what was just built, by its path.
  { files: ['tests/bench/run.mjs'], rules: { 'no-unsanitized/method': 'off' } },
  directions('view', NO_WORKER, NO_PACKAGE),
  directions('model', RPC_ONLY, NO_PACKAGE, NO_VIEW),
  directions('worker', NO_VIEW, NO_MODEL, NO_PREACT),
  directions('scanner', NO_VIEW, NO_MODEL, NO_PREACT, NO_WORKER, NO_PACKAGE),
);

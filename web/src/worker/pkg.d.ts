/** What wasm-bindgen generates, for a type check before the first build; the generated file wins. */
declare module '*/generated/pkg/pawl_module.js' {
  export default function init(options: { module_or_path: string }): Promise<unknown>;
  export class Tab {
    static start(config: unknown, onMessage: (message: never) => void): Tab;
    command(id: string, command: unknown): void;
    query(id: number, query: unknown): void;
    hint(hint: string): void;
  }
}

declare module '*.wasm?url' {
  const url: string;
  export default url;
}

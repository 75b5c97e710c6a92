/** The version in the root Cargo.toml, put in by vite.config.ts. */
declare const __PAWL_VERSION__: string;

//! Prints the TypeScript declarations of commands, queries, events and replies as one file:
//! `cargo run -p pawl-client --features types --example export_types > web/src/generated/types.ts`.
//! The page is type-checked against what this prints, so a change of shape here breaks its build there.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::Write;

use pawl_client::{Command, Event, Query, QueryReply};
use ts_rs::{Config, TS, TypeVisitor};

const HEADER: &str = "\
// Generated from crates/client by `cargo xtask types`. Change the Rust types instead.
// Positions and times are whole numbers below 2^53.
";

/// Every declaration that the visited types need, by name.
struct Declarations {
    config: Config,
    found: BTreeMap<String, String>,
}

impl Declarations {
    fn add<T: TS + 'static + ?Sized>(&mut self) {
        let name = T::ident(&self.config);
        if self.found.contains_key(&name) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        let declaration = format!("{docs}export {}\n", T::decl(&self.config));
        self.found.insert(name, declaration);
        T::visit_dependencies(self);
    }
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // Only named types of this crate have a file of their own; numbers and strings have none.
        if T::output_path().is_some() {
            self.add::<T>();
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut declarations = Declarations {
        config: Config::default().with_large_int("number"),
        found: BTreeMap::new(),
    };
    declarations.add::<Command>();
    declarations.add::<Query>();
    declarations.add::<Event>();
    declarations.add::<QueryReply>();
    let mut out = std::io::stdout().lock();
    out.write_all(HEADER.as_bytes())?;
    for declaration in declarations.found.values() {
        writeln!(out)?;
        for line in declaration.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(())
}

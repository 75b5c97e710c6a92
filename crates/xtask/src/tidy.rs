//! The rules that no compiler holds: the shape of files, what documents claim, who may know whom, what we
//! stand on, and the licences of all that is linked or run. Each finding names the file, the rule and the reason.

mod claims;
mod crates;
mod documents;
mod files;
mod homes;
mod imports;
mod licences;

use std::fmt;

use anyhow::{Result, bail};

use crate::context::Context;

pub(crate) use claims::check as claims;
pub(crate) use crates::check as crates;
pub(crate) use documents::check as documents;
pub(crate) use files::check as files;
pub(crate) use imports::check as imports;
pub(crate) use licences::check as licences;

/// One broken rule.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    pub(crate) place: String,
    pub(crate) rule: &'static str,
    pub(crate) reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.rule, self.reason)
    }
}

/// All of them.
pub(crate) fn all(ctx: &Context) -> Result<()> {
    files(ctx)?;
    claims(ctx)?;
    documents(ctx)?;
    imports(ctx)?;
    crates(ctx)?;
    licences(ctx)
}

fn report(what: &str, seen: usize, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("{what}: {seen} looked at, nothing to say");
        return Ok(());
    }
    bail!("{what}: {} to mend (listed above)", findings.len())
}

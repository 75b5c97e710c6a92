//! The page's own list, for `pawl verify-site`: what each server says of the page in it, which must be one thing, and
//! that of the page that was built.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest, Sha256};

use super::program::{Program, says};
use crate::context::Context;
use crate::inside::hexadecimal;

const NAME: &str = "page.sha256";

pub(super) fn write(ctx: &Context, made: &Path, programs: &[Program]) -> Result<()> {
    let servers = programs.iter().filter(|one| one.name == "pawl-server");
    let mut list: Option<String> = None;
    for server in servers {
        let told = says(ctx, server.arch, &server.binary, &["assets"])?;
        let told = String::from_utf8(told).context("a list is text")?;
        if list.as_ref().is_some_and(|list| *list != told) {
            let arch = server.arch.name();
            bail!("the server for {arch} holds another page than the one before");
        }
        list = Some(told);
    }
    let list = list.context("no server was built")?;
    compare(&list, &ctx.path("web/dist"))?;
    Ok(ctx.sh.write_file(made.join(NAME), list)?)
}

/// Whether a list names files of a folder as they are there, index.html among them.
fn compare(list: &str, folder: &Path) -> Result<()> {
    let files = list.lines().filter(|line| !line.starts_with('#'));
    let mut has_index = false;
    for line in files {
        let (hash, path) = line.split_once("  ").context("a hash and a path")?;
        let content = std::fs::read(folder.join(path)).with_context(|| path.to_owned())?;
        let found = hexadecimal(&Sha256::digest(content));
        ensure!(found == hash, "{path} in the server is not what was built");
        has_index |= path == "index.html";
    }
    ensure!(has_index, "there is no index.html in the server");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_of_the_page_that_was_built_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "a page").unwrap();
        let line = |content: &str, path: &str| {
            let hash = hexadecimal(&Sha256::digest(content));
            format!("# pawl-page 1\n{hash}  {path}\n")
        };
        let compared = |list: &str| compare(list, folder.path()).map_err(|error| error.to_string());
        assert_eq!(compared(&line("a page", "index.html")), Ok(()));
        let other = compared(&line("another", "index.html")).unwrap_err();
        assert!(other.contains("not what was built"), "{other}");
        let gone = compared(&line("a page", "gone.js")).unwrap_err();
        assert!(gone.contains("gone.js"), "{gone}");
        let none = compared("# pawl-page 1\n").unwrap_err();
        assert!(none.contains("no index.html"), "{none}");
    }
}

//! What makes a release impossible, said before anything is built.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::context::Context;

/// More than all files together, and what is made of them on the way.
const ROOM: u64 = 500 << 20;

pub(super) fn folder(ctx: &Context, out: &Path) -> Result<()> {
    let shown = out.display();
    match std::fs::read_dir(out) {
        Ok(mut files) => {
            if let Some(file) = files.next() {
                let file = file?.file_name();
                bail!("{shown} is not empty ({} is there)", file.display());
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("{shown} is no folder to use")),
    }
    let there = out.ancestors().find(|one| one.exists());
    let room = room(ctx, there.unwrap_or(Path::new(".")))?;
    if room < ROOM {
        let (has, wanted) = (room >> 20, ROOM >> 20);
        bail!("{shown} has room for {has} MiB; a release needs {wanted} MiB");
    }
    Ok(())
}

/// Bytes that a file system has left.
fn room(ctx: &Context, folder: &Path) -> Result<u64> {
    let sh = &ctx.sh;
    let told = ctx.read(cmd!(sh, "df -Pk {folder}"))?;
    free(&told).with_context(|| format!("df does not say what room {} has", folder.display()))
}

/// What stands before the percentage in the last line: blocks of 1,024 bytes. Names on either side may hold spaces.
fn free(told: &str) -> Option<u64> {
    let row: Vec<_> = told.lines().last()?.split_whitespace().collect();
    let at = row.iter().rposition(|word| word.ends_with('%'))?;
    let blocks: u64 = row.get(at.checked_sub(1)?)?.parse().ok()?;
    Some(blocks << 10)
}

/// What is released is what a commit says.
pub(super) fn checkout(ctx: &Context) -> Result<()> {
    let sh = &ctx.sh;
    let status = ctx
        .read(cmd!(sh, "git status --porcelain"))
        .context("a release is made from a git checkout")?;
    let mut changed = status.lines();
    if let Some(first) = changed.next() {
        let more = changed.count();
        bail!("the checkout is not clean: {first:?} and {more} more; commit or stash them");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(name: &str) -> std::path::PathBuf {
        let at = std::env::temp_dir().join(format!("pawl-refusals-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&at).unwrap();
        at
    }

    #[test]
    fn a_folder_that_is_not_empty_or_a_file_is_refused() {
        let ctx = Context::new().unwrap();
        let at = folder_of("out");
        assert!(folder(&ctx, &at).is_ok());
        assert!(folder(&ctx, &at.join("not/there/yet")).is_ok());
        std::fs::write(at.join("file"), "").unwrap();
        let not_empty = folder(&ctx, &at).unwrap_err().to_string();
        assert!(
            not_empty.contains("is not empty (file is there)"),
            "{not_empty}"
        );
        let file = folder(&ctx, &at.join("file")).unwrap_err().to_string();
        assert!(file.contains("is no folder"), "{file}");
        std::fs::remove_dir_all(at).unwrap();
    }

    #[test]
    fn room_is_read_from_what_df_prints() {
        let told = |row: &str| {
            let head = "Filesystem 1024-blocks Used Available Capacity Mounted on";
            free(&format!("{head}\n{row}"))
        };
        assert_eq!(told("/dev/a 9 7 2 78% /"), Some(2048));
        assert_eq!(told("/dev/a b 9 8 1 89% /a b"), Some(1024));
        assert_eq!(told("/dev/a - - - - /"), None);
        assert_eq!(free(""), None);
    }
}

//! `cargo xtask prove-relay`: builds a relay in which mistakes can be switched on, and demands that the tests of the
//! real one find each of them. The mistakes are changes of a copy of its sources: nothing that ships knows of them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use xshell::cmd;

use crate::context::Context;
use crate::setup;

/// The copy's program, beside the real one in the target folder.
const PROGRAM: &str = "pawl-server-broken";

/// A mistake, by what finds it: a test of server/tests/relay/broken.rs, which is told by the variable PAWL_FAULT which
/// of them to switch on.
struct Fault {
    name: &'static str,
    found_by: &'static str,
    changes: &'static [Change],
}

/// A text that stands in a file exactly once, and what stands there instead.
struct Change {
    file: &'static str,
    text: &'static str,
    instead: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "stored-first",
        found_by: "what_is_stored_before_its_commit_is_lost_by_kills",
        changes: &[
            Change {
                file: "src/store/jobs.rs",
                text: r#"    conn.prepare_cached("COMMIT")?.execute([])?;
"#,
                instead: r#"    if std::env::var_os("PAWL_FAULT").is_none_or(|fault| fault != "stored-first") {
        conn.prepare_cached("COMMIT")?.execute([])?;
    }
"#,
            },
            Change {
                file: "src/store/writer.rs",
                text: r"            job.finish(committed);
        }
",
                instead: r#"            job.finish(committed);
        }
        if !self.conn.is_autocommit() && self.conn.execute_batch("COMMIT").is_err() {
            jobs::undo(&self.conn);
        }
"#,
            },
        ],
    },
    Fault {
        name: "no-flush",
        found_by: "what_is_not_flushed_is_lost_with_the_power",
        changes: &[Change {
            file: "src/store/schema.rs",
            text: r#"    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
"#,
            instead: r#"    if std::env::var_os("PAWL_FAULT").is_some_and(|fault| fault == "no-flush") {
        conn.pragma_update(None, "synchronous", "OFF")?;
    } else {
        conn.pragma_update(None, "synchronous", "FULL")?;
    }
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
"#,
        }],
    },
    // The keys are looked at, the claim is written with them, and they are taken in a commit of its own.
    Fault {
        name: "two-commits",
        found_by: "a_key_that_is_taken_in_another_commit_is_given_twice_by_kills",
        changes: &[
            Change {
                file: "src/store/claims.rs",
                text: r"    let one_time_kem = keys::take(conn, device, Kind::Kem)?;
",
                instead: r#"    let is_broken = !is_unknown
        && std::env::var_os("PAWL_FAULT").is_some_and(|fault| fault == "two-commits");
    conn.execute_batch("SAVEPOINT look")?;
    let one_time_kem = keys::take(conn, device, Kind::Kem)?;
"#,
            },
            Change {
                file: "src/store/claims.rs",
                text: r"    remember(conn, claim, device, &bundle, kem_one_time, now)?;
",
                instead: r#"    if is_broken {
        conn.execute_batch("ROLLBACK TO look")?;
    }
    conn.execute_batch("RELEASE look")?;
    remember(conn, claim, device, &bundle, kem_one_time, now)?;
    if is_broken {
        conn.execute_batch("COMMIT; BEGIN IMMEDIATE; SAVEPOINT job")?;
        keys::take(conn, device, Kind::Kem)?;
        keys::take(conn, device, Kind::Prekey)?;
    }
"#,
            },
        ],
    },
    Fault {
        name: "reads-for-another",
        found_by: "what_is_read_from_anothers_mailbox_is_seen",
        changes: &[Change {
            file: "src/store/mail.rs",
            text: r#"        "SELECT seq, message_id, envelope FROM mail WHERE device = ?1 AND seq > ?2 ORDER BY seq",
"#,
            instead: r#"        if std::env::var_os("PAWL_FAULT").is_some_and(|fault| fault == "reads-for-another") {
            "SELECT seq, message_id, envelope FROM mail WHERE device >= ?1 AND seq > ?2 ORDER BY seq"
        } else {
            "SELECT seq, message_id, envelope FROM mail WHERE device = ?1 AND seq > ?2 ORDER BY seq"
        },
"#,
        }],
    },
    Fault {
        name: "acknowledges-for-another",
        found_by: "what_another_acknowledged_is_missed",
        changes: &[Change {
            file: "src/store/mail.rs",
            text: r#"    conn.prepare_cached("DELETE FROM mail WHERE device = ?1 AND seq <= ?2")?
"#,
            instead: r#"    let is_broken = std::env::var_os("PAWL_FAULT")
        .is_some_and(|fault| fault == "acknowledges-for-another");
    let others = if is_broken { ">" } else { "" };
    conn.prepare_cached(&format!("DELETE FROM mail WHERE device {others}= ?1 AND seq <= ?2"))?
"#,
        }],
    },
    Fault {
        name: "follows-the-clock",
        found_by: "what_expires_by_a_clock_that_jumps_is_missed",
        changes: &[Change {
            file: "src/store/time.rs",
            text: r"            own: self.own.saturating_add(elapsed).saturating_add(made_up),
",
            instead: r#"            own: match std::env::var_os("PAWL_FAULT") {
                Some(fault) if fault == "follows-the-clock" => machine,
                _ => self.own.saturating_add(elapsed).saturating_add(made_up),
            },
"#,
        }],
    },
];

/// What the copy survives while none of its mistakes is on.
const SURVIVED: &str = "the_relay_as_it_is_survives_the_same";

/// Builds the copy, sees that it is sound, and has each of its mistakes found.
pub(crate) fn prove(ctx: &Context) -> Result<()> {
    if !cfg!(target_os = "linux") {
        println!(
            "    NOT DONE: what finds these mistakes, strace and faketime, runs on Linux only"
        );
        return Ok(());
    }
    setup::faults(ctx)?;
    let program = ctx.step("building a relay that can be broken", || build(ctx))?;
    // Else what is found later may be a fault of the copy itself.
    ctx.step(&format!("none: {SURVIVED}"), || {
        run_one(ctx, &program, "none", SURVIVED)
    })
    .context("the copy is broken without any mistake")?;
    for Fault { name, found_by, .. } in FAULTS {
        ctx.step(&format!("{name}: {found_by}"), || {
            run_one(ctx, &program, name, found_by)
        })
        .with_context(|| format!("no test finds a relay with the mistake {name:?}"))?;
    }
    Ok(())
}

/// One test of broken.rs, with the copy and one of its mistakes.
fn run_one(ctx: &Context, program: &Path, fault: &str, test: &str) -> Result<()> {
    let variables = [
        ("PAWL_BROKEN_SERVER", program.as_os_str()),
        ("PAWL_FAULT", fault.as_ref()),
    ];
    relay_test(ctx, &format!("broken::{test}"), &variables)
}

/// One of the relay's tests that run only when they are asked for.
pub(crate) fn relay_test(ctx: &Context, test: &str, variables: &[(&str, &OsStr)]) -> Result<()> {
    let sh = &ctx.sh;
    // With --workspace, as in the step `native`, it has the features of what was built there.
    let cmd = cmd!(
        sh,
        "cargo test --quiet --workspace --test relay -- --include-ignored --exact {test}"
    );
    let done = ctx
        .command(cmd.envs(variables.iter().copied()))
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    let said = String::from_utf8_lossy(&done.stdout);
    print!("{said}");
    // A name that fits no test is no failure to cargo.
    if !done.status.success() || !is_one_passed(&said) {
        bail!("{test} did not pass: {}", done.status);
    }
    Ok(())
}

fn is_one_passed(said: &str) -> bool {
    let mut results = said
        .lines()
        .filter_map(|line| line.strip_prefix("test result: "));
    results
        .next()
        .is_some_and(|result| result.starts_with("ok. 1 passed; 0 failed;"))
        && results.next().is_none()
}

/// In a workspace of its own, with the dependencies, features and profile of the tests, so that only the relay is
/// compiled again.
fn build(ctx: &Context) -> Result<PathBuf> {
    let sh = &ctx.sh;
    let copy = ctx.scratch("broken")?;
    write(&copy.join("Cargo.toml"), &workspace(ctx)?)?;
    // Cargo takes out of it what is not needed here.
    sh.copy_file(ctx.path("Cargo.lock"), &copy)?;
    let package = sh.read_file(ctx.path("server/Cargo.toml"))?;
    write(&copy.join("server/Cargo.toml"), &manifest(&package)?)?;
    write(&copy.join("server/tests/none.rs"), "//! None.\n")?;
    // Where the page would be: its absence is noticed once.
    sh.create_dir(copy.join("web"))?;
    for folder in ["build", "src"] {
        let folder = Path::new("server").join(folder);
        let mut written = BTreeSet::new();
        copy_folder(ctx, &folder, &copy, &mut written)?;
        delete_others(&copy.join(folder), &written)?;
    }
    let manifest = copy.join("Cargo.toml");
    // As a test, since dependencies have other features otherwise.
    ctx.run(cmd!(
        sh,
        "cargo test --quiet --no-run --manifest-path {manifest} --test none"
    ))?;
    Ok(ctx.path("target/debug").join(PROGRAM))
}

/// The sources, each with what the faults change in it. What has not changed is left alone, so that it is not
/// compiled again.
fn copy_folder(
    ctx: &Context,
    folder: &Path,
    to: &Path,
    written: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    for entry in ctx.sh.read_dir(folder)? {
        let relative = entry.strip_prefix(&ctx.root)?;
        if entry.is_dir() {
            copy_folder(ctx, relative, to, written)?;
        } else {
            let name = relative.strip_prefix("server")?;
            let (text, file) = (ctx.sh.read_file(&entry)?, to.join(relative));
            write(&file, &changed(name, text)?)?;
            written.insert(file);
        }
    }
    Ok(())
}

/// What an earlier copy left and the sources no longer have.
fn delete_others(folder: &Path, written: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?.path();
        if entry.is_dir() {
            delete_others(&entry, written)?;
        } else if !written.contains(&entry) {
            std::fs::remove_file(&entry)?;
        }
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    if std::fs::read_to_string(file).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let folder = file.parent().context("a file in a folder")?;
    std::fs::create_dir_all(folder)?;
    Ok(std::fs::write(file, text)?)
}

fn changed(name: &Path, mut text: String) -> Result<String> {
    for fault in FAULTS {
        for change in fault
            .changes
            .iter()
            .filter(|change| Path::new(change.file) == name)
        {
            text = replace(&text, change.text, change.instead)
                .with_context(|| format!("the fault {:?} is stale: {}", fault.name, change.file))?;
        }
    }
    Ok(text)
}

fn replace(text: &str, old: &str, new: &str) -> Result<String> {
    match text.matches(old).count() {
        1 => Ok(text.replace(old, new)),
        count => bail!("{count} times instead of once: {old:?}"),
    }
}

/// The repository's, without its own package and with one member.
fn workspace(ctx: &Context) -> Result<String> {
    let text = ctx.sh.read_file(ctx.path("Cargo.toml"))?;
    let (text, _) = text.split_once("\n[package]").context("its own package")?;
    let lines = text.lines().map(|line| {
        if line.starts_with("members = ") {
            return "members = [\"server\"]".to_owned();
        }
        let crates = format!("path = \"{}/crates/", ctx.root.display());
        line.replace("path = \"crates/", &crates)
    });
    let lines: Vec<_> = lines
        .filter(|line| !line.starts_with("exclude = "))
        .collect();
    Ok(lines.join("\n") + "\n")
}

/// The relay's, with another name for the program and none of its tests; and with another version, since cargo would
/// take the two for one package, with one folder for what their build scripts make, and build each anew after the other.
fn manifest(text: &str) -> Result<String> {
    let (text, _) = text.split_once("[[test]]").context("its tests")?;
    let program = |name: &str| format!("[[bin]]\nname = \"{name}\"\n");
    let text = replace(text, &program("pawl-server"), &program(PROGRAM))?;
    replace(
        &text,
        "version.workspace = true\nedition",
        "version = \"0.0.0\"\nedition",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_fits_the_relays_sources_and_has_a_test() {
        let ctx = Context::new().unwrap();
        let tests = ctx.path("server/tests/relay/broken.rs");
        let tests = ctx.sh.read_file(tests).unwrap();
        for fault in FAULTS {
            assert!(tests.contains(&format!("async fn {}()", fault.found_by)));
            for change in fault.changes {
                let text = ctx.sh.read_file(ctx.path("server").join(change.file));
                let changed = changed(Path::new(change.file), text.unwrap()).unwrap();
                assert!(changed.contains(change.instead), "{}", fault.name);
            }
        }
        assert!(workspace(&ctx).unwrap().contains("members = [\"server\"]"));
        assert!(tests.contains(&format!("async fn {SURVIVED}()")));
        let package = ctx.sh.read_file(ctx.path("server/Cargo.toml")).unwrap();
        let package = manifest(&package).unwrap();
        assert!(package.contains(PROGRAM) && package.contains("version = \"0.0.0\""));
    }

    #[test]
    fn only_one_test_that_passed_is_a_proof() {
        let result = |passed, failed| {
            format!(
                "\nrunning 1 test\ntest result: ok. {passed} passed; {failed} failed; 0 ignored\n"
            )
        };
        assert!(is_one_passed(&result(1, 0)));
        assert!(!is_one_passed(&result(0, 0)));
        assert!(!is_one_passed(&result(11, 0)));
        assert!(!is_one_passed(&(result(1, 0) + &result(0, 0))));
        assert!(!is_one_passed(""));
    }

    #[test]
    fn the_copy_keeps_nothing_that_was_not_written_in_this_run() {
        let folder = Context::new().unwrap().scratch("broken-test").unwrap();
        let (kept, left) = (folder.join("x/mod.rs"), folder.join("x.rs"));
        let left_deep = folder.join("y/z.rs");
        for file in [&kept, &left, &left_deep] {
            write(file, "//! X.\n").unwrap();
        }
        delete_others(&folder, &[kept.clone()].into()).unwrap();
        assert!(kept.exists() && !left.exists() && !left_deep.exists());
        std::fs::remove_dir_all(folder).unwrap();
    }
}

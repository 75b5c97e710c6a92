//! The units as systemd reads them.

use std::path::Path;
use std::process::Command;

/// Of 10, where 10 is wide open: what systemd calls "OK" begins under 2.
const MOST_EXPOSED: f64 = 1.5;

fn analyze(arguments: &[&str], units: &[&Path]) -> (bool, String) {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .args(units)
        .output()
        .expect("systemd-analyze, which `cargo xtask test` installs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// The units, with this binary in the place of the installed one.
fn units(folder: &Path) -> [std::path::PathBuf; 2] {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    ["pawl.service", "pawl.socket"].map(|name| {
        let text = std::fs::read_to_string(deploy.join(name)).expect("a unit");
        let text = text.replace(
            "/usr/local/bin/pawl-server",
            env!("CARGO_BIN_EXE_pawl-server"),
        );
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    })
}

#[test]
fn the_units_are_understood() {
    let folder = tempfile::tempdir().expect("a folder");
    let [service, socket] = units(folder.path());
    let (_, said) = analyze(&["verify", "--man=no"], &[&service, &socket]);
    // It looks at the whole machine's units, too; what it says of ours has our names.
    let about_us: Vec<_> = said.lines().filter(|line| line.contains("pawl")).collect();
    assert!(about_us.is_empty(), "{said}");
}

#[test]
fn the_service_may_do_little() {
    let folder = tempfile::tempdir().expect("a folder");
    let [service, _] = units(folder.path());
    let (_, said) = analyze(&["security", "--offline=true"], &[&service]);
    let line = said
        .lines()
        .find(|line| line.contains("Overall exposure level"));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    let level = line
        .split_whitespace()
        .find_map(|word| word.parse::<f64>().ok());
    assert!(
        level.is_some_and(|level| level <= MOST_EXPOSED),
        "{line}\n{said}"
    );
}

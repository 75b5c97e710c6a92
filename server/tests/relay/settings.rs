//! Flags, variables and the file: which goes first, what is said when one is wrong, and that the manual has
//! all of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use pawl_wire::{RelayFrame, SubmitRefusal};

use crate::operations::manual;
use crate::support::{Child, Client, Device, Relay, ended, message_id};

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pawl-server"))
}

fn said(arguments: &[&str]) -> String {
    let output = ended(binary().args(arguments));
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// What is said about wrong settings: one line, and the exit code for it.
fn complaint(command: &mut Command) -> String {
    let output = ended(command);
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(output.stdout, b"");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

fn file(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("pawl.toml");
    std::fs::write(&path, text).expect("a file");
    path
}

#[test]
fn a_flag_goes_before_a_variable_and_that_before_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let text = format!("listen = \"127.0.0.2:0\"\ndata = {data:?}\n");
    let config = file(folder.path(), &text);
    let listens = |variable: Option<&str>, flag: Option<&str>| {
        let mut command = binary();
        command.arg("--config").arg(&config);
        command.envs(variable.map(|value| ("PAWL_LISTEN", value)));
        command.args(flag.map(|value| format!("--listen={value}")));
        Child::spawn(&mut command).address.ip().to_string()
    };
    assert_eq!(listens(None, None), "127.0.0.2");
    assert!(data.join("relay.db").exists(), "the file's folder is used");
    assert_eq!(listens(Some("127.0.0.3:0"), None), "127.0.0.3");
    let both = listens(Some("127.0.0.3:0"), Some("127.0.0.4:0"));
    assert_eq!(both, "127.0.0.4");
    // The command by its name reads the same file, also where a variable names it.
    let mut command = binary();
    let child = Child::spawn(command.env("PAWL_CONFIG", &config).arg("run"));
    assert_eq!(child.address.ip().to_string(), "127.0.0.2");
}

/// What the operator types with the file alone works on the folder that the unit gives the relay.
#[test]
fn the_file_that_is_installed_names_the_folder_of_the_unit() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let read = |name: &str| std::fs::read_to_string(deploy.join(name)).expect("a file");
    let unit = read("pawl.service");
    let of_the_unit = unit
        .lines()
        .find_map(|line| line.strip_prefix("Environment=PAWL_DATA="));
    let folder = of_the_unit.expect("the unit names it");
    let file = read("pawl.toml");
    assert!(file.contains(&format!("\ndata = {folder:?}\n")), "{file}");
    // The keys are known, all of them; nothing is there on a machine without a relay of this file.
    if !Path::new(folder).exists() {
        let output = ended(
            binary()
                .args(["invite", "list", "--config"])
                .arg(deploy.join("pawl.toml")),
        );
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(
            said.contains(&format!("{folder}: there is no store")),
            "{said}"
        );
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line_with_its_name() {
    let flags = [
        (&["--listen", "home"][..], "--listen: \"home\": an address"),
        (
            &["--mailbox-days=31"],
            "--mailbox-days: \"31\": 31 is not in 1..=30",
        ),
        (&["--message-bytes", "98305"], "not in 4096..=98304"),
        (
            &["--proof-of-work=25"],
            "--proof-of-work: \"25\": 25 is not in 0..=24",
        ),
        (
            &["--claims-per-minute", "0"],
            "--claims-per-minute: \"0\": a number from 1",
        ),
        (&["--public-origin", "chat"], "an origin looks like"),
        (
            &["--log", "trace"],
            "one of off, error, warn, info, debug is needed",
        ),
        (&["--conections", "1"], "--connections is known"),
        (&["--listen", "[::1]:0", "man"], "pawl-server man --listen"),
        (&["--config", "no/such/file"], "no/such/file: "),
    ];
    for (arguments, expected) in flags {
        let said = complaint(binary().args(arguments));
        assert!(said.contains(expected), "{said}");
    }
    let said = complaint(binary().env("PAWL_CONNECTIONS", "many"));
    let expected = "PAWL_CONNECTIONS: \"many\": a whole number is needed";
    assert!(said.contains(expected), "{said}");
}

/// What separates them may have a blank behind it, and a misspelt name is said.
#[test]
fn lists_may_have_blanks_and_unknown_variables_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut doctor = binary();
    doctor
        .args(["doctor", "--listen=127.0.0.1:0", "--data"])
        .arg(folder.path().join("data"))
        .env("PAWL_PUBLIC_ORIGIN", "https://a.example, https://b.example")
        .env("PAWL_TRUSTED_PROXY", "127.0.0.1, ::1")
        .env("PAWL_LISTENN", "a secret");
    let said = String::from_utf8(ended(&mut doctor).stdout).expect("text");
    for expected in [
        "browsers use https://b.example, not tried",
        "look  the variable PAWL_LISTENN is not known",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "a file").expect("a file");
    let mut relay = binary();
    relay
        .arg("--data")
        .arg(&file)
        .env("PAWL_LISTENN", "a secret");
    let said = String::from_utf8(ended(&mut relay).stderr).expect("text");
    assert!(
        said.contains("the variable PAWL_LISTENN is not known"),
        "{said}"
    );
    assert!(!said.contains("a secret"), "{said}");
}

#[test]
fn what_is_wrong_in_the_file_is_said_with_the_files_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [
        (
            "listen = \"home\"",
            "pawl.toml: listen: \"home\": an address",
        ),
        ("connections = 0", "pawl.toml: connections: \"0\": "),
        ("connections = [1, 2]", "connections: one value is needed"),
        (
            "connections = 1.5",
            "connections: 1.5: a whole number is needed",
        ),
        ("mailbox_days = 3", "mailbox_days: there is no such key"),
        ("config = \"x\"", "config: there is no such key"),
        (
            "log = \"info\"\nlisten = [",
            "pawl.toml: line 2 is not TOML",
        ),
        (
            "public-origin = [\"https://a.example\", \"b\"]",
            "public-origin: \"b\": an origin",
        ),
    ];
    for (text, expected) in cases {
        let config = file(folder.path(), text);
        let said = complaint(binary().arg("--config").arg(config));
        assert!(said.contains(expected), "{text}: {said}");
    }
}

/// The rows of the manual's table of flags: flag, variable and default.
fn documented() -> BTreeMap<String, (String, String)> {
    let manual = manual();
    let section = manual.split_once("## Flags").expect("the section").1;
    let rows = section.lines().take_while(|line| !line.starts_with("## "));
    rows.filter(|line| line.starts_with("| `--"))
        .map(|line| {
            let cells: Vec<_> = line
                .split('|')
                .map(|cell| cell.trim().replace('`', ""))
                .collect();
            let [_, flag, variable, default, ..] = &cells[..] else {
                panic!("a row of the manual: {line}")
            };
            (flag.clone(), (variable.clone(), default.replace(',', "")))
        })
        .collect()
}

/// The same from `--help`; an empty default where there is none.
fn known() -> BTreeMap<String, (String, String)> {
    let help = said(&["--help"]);
    let mut known = BTreeMap::new();
    let mut flag = String::new();
    let bracketed = |line: &str, name: &str| {
        let rest = line.strip_prefix(name)?;
        Some(rest.strip_suffix(']')?.to_owned())
    };
    for line in help.lines().map(str::trim) {
        let words = line.split_whitespace();
        if let Some(name) = words
            .filter(|_| line.starts_with('-'))
            .find(|word| word.starts_with("--"))
        {
            name.clone_into(&mut flag);
            known.insert(flag.clone(), (String::new(), String::new()));
        } else if let Some(variable) = bracketed(line, "[env: ") {
            let name = variable.split('=').next().unwrap_or_default();
            known.get_mut(&flag).expect("a flag").0 = name.to_owned();
        } else if let Some(default) = bracketed(line, "[default: ") {
            known.get_mut(&flag).expect("a flag").1 = default;
        }
    }
    known
}

#[test]
fn the_manual_lists_every_flag_with_its_variable_and_default() {
    let (mut documented, known) = (documented(), known());
    for (flag, (variable, default)) in &known {
        let (name, value) = documented.remove(flag).unwrap_or_else(|| panic!("{flag}"));
        assert_eq!(&name, variable, "{flag}");
        assert!(
            default.is_empty() || &value == default,
            "{flag}: {value} is {default}"
        );
    }
    assert!(documented.is_empty(), "there is no {documented:?}");
    assert!(known.len() > 12);
}

#[test]
fn completions_and_the_manual_page_know_every_flag() {
    let flags = known();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        for flag in flags.keys() {
            let name = flag.trim_start_matches('-');
            assert!(script.contains(name), "{shell} does not know {flag}");
        }
    }
    let page = said(&["man"]);
    assert!(page.contains(".TH pawl-server 1"));
    for flag in flags.keys() {
        assert!(page.contains(&flag.replace('-', "\\-")), "{flag}");
    }
}

#[test]
fn the_licences_are_those_that_the_build_took_in() {
    let collected = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/licences.txt");
    let printed = said(&["licences"]);
    match std::fs::read_to_string(collected) {
        Ok(text) => assert!(text.len() > 10_000 && printed.contains(&text)),
        Err(_) => assert!(printed.contains("built without the licences"), "{printed}"),
    }
    assert!(printed.contains("\nThe page\n"), "{printed}");
    assert_eq!(said(&["licenses"]), printed);
}

/// What bash offers for a line whose last word is begun, by the script itself.
fn offered(line: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script");
    std::fs::write(&script, said(&["completions", "bash"])).expect("a file");
    let typed = r#"
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        function=$(complete -p pawl-server); function=${function#*-F }; function=${function%% *}
        "$function" pawl-server "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", typed, "bash"])
        .arg(script)
        .args(line);
    let output = ended(&mut bash);
    assert!(output.status.success(), "{line:?}");
    let said = String::from_utf8(output.stdout).expect("text");
    said.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_every_command_its_flags_and_their_values() {
    let cases: [(&[&str], &[&str]); 6] = [
        (&["invite", "cr"], &["create"]),
        (&["--config", "f", "ban", "rem"], &["remove"]),
        (&["completions", ""], &["bash", "zsh", "fish"]),
        (&["doctor", "--drain"], &["--drain-seconds"]),
        (&["invite", "create", "--u"], &["--uses"]),
        (
            &["run", "--registration", ""],
            &["open", "invite", "closed"],
        ),
    ];
    for (line, expected) in cases {
        let offered = offered(&[&["pawl-server"], line].concat());
        for word in expected {
            assert!(offered.iter().any(|it| it == word), "{line:?}: {offered:?}");
        }
    }
    let levels = offered(&["pawl-server", "--log", ""]);
    assert_eq!(levels, ["off", "error", "warn", "info", "debug"]);
}

#[test]
fn the_manual_page_has_every_command_variable_and_example_and_no_other_page() {
    let page = said(&["man"]);
    for command in [
        "INVITE CREATE",
        "INVITE LIST",
        "INVITE REVOKE",
        "BAN ADD",
        "BAN LIST",
        "BAN REMOVE",
        "RESTORE",
    ] {
        let title = format!("\n.SH \"PAWL\\-SERVER {command}\"\n");
        assert!(page.contains(&title), "{command}");
    }
    for flag in ["\\-\\-uses", "\\-\\-days"] {
        assert!(page.contains(flag), "{flag}");
    }
    for (variable, _) in known()
        .values()
        .filter(|(variable, _)| !variable.is_empty())
    {
        assert!(page.contains(variable.as_str()), "{variable}");
    }
    // An example is one line, after which lines are not filled.
    let example = "\\&  pawl\\-server invite create \\-\\-uses 30 \\-\\-days 3";
    let before = page.split_once(example).expect("an example").0;
    assert!(before.rfind(".nf") > before.rfind(".fi"));
    assert!(!page.contains("run(1)"), "there is one page");
}

#[tokio::test]
async fn an_envelope_above_the_relays_own_limit_has_its_own_refusal() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &["--message-bytes", "4096"]);
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    let id = message_id();
    client.submit(alice.address(), id, vec![9; 4_097]).await;
    let refused = RelayFrame::Refused {
        message_id: id,
        cause: SubmitRefusal::TooLarge,
        retry_after_ms: 0,
    };
    assert_eq!(client.answer().await, refused);
    client.store(alice.address(), id, vec![9; 4_096]).await;
}

#[tokio::test]
async fn a_smaller_stock_of_keys_keeps_the_newest() {
    let relay = Relay::start_with(|config| config.limits.one_time_keys = 50);
    let bob = Device::new("bob");
    let mut owner = Client::register(relay.address, &bob).await;
    for first in [1, 51] {
        let keys = crate::keys::one_time(first..=first + 49);
        crate::keys::publish(&mut owner, keys).await;
    }
    owner.leave().await;
    let stock = crate::keys::stock(&relay, &bob).await;
    assert_eq!((stock.one_time_prekeys, stock.one_time_kems), (50, 50));
}

//! The bot of docs/, as it stands there, and completions.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::{Person, Relay, Running, ended, pawl};

/// Where the bot finds `pawl`, as its reader would.
fn with_pawl(mut command: Command, person: &Person) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_pawl"));
    let mut path = vec![program.parent().expect("a folder").to_owned()];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let path = std::env::join_paths(path).expect("folders");
    command
        .env("PATH", path)
        .env("PAWL_STORE", person.store())
        .env("PAWL_KEY_FILE", person.path("key"));
    command
}

#[test]
fn the_bot_of_the_documentation_answers() {
    let relay = Relay::start();
    let bot = Person::at(&relay, "my-bot");
    let alice = Person::at(&relay, "alice");
    let bob = Person::at(&relay, "bob");
    alice
        .run(&["send", "my-bot", "echo from before it began"])
        .good();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bot.py");
    let lines = std::fs::read_to_string(&page)
        .expect("the bot")
        .lines()
        .count();
    assert!(lines < 40, "{lines} lines");
    let mut python = Command::new("python3");
    // Ctrl-C reaches the bot and the program that it started.
    python.arg(page).process_group(0);
    let running = Running::start(with_pawl(python, &bot));
    let mut hears = alice.start(&["receive", "--follow", "--json"]);
    assert_eq!(
        crate::support::text_of(&hears.line()),
        "my-bot: from before it began"
    );
    alice
        .run(&["send", "my-bot", "echo grüße\nin two lines"])
        .good();
    assert_eq!(
        crate::support::text_of(&hears.line()),
        "my-bot: grüße\nin two lines"
    );
    bob.run(&["send", "my-bot", "hello?"]).good();
    let mut hears = bob.start(&["receive", "--follow", "--json"]);
    assert_eq!(
        crate::support::text_of(&hears.line()),
        "my-bot: I know: echo TEXT, time"
    );
    running.interrupt_group();
    running.end();
    assert!(
        bot.receive().is_empty(),
        "what was answered is not received again"
    );
}

#[test]
fn the_licences_are_those_that_the_build_took_in() {
    let collected = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/licences.txt");
    let mut command = pawl();
    command.arg("licences");
    let printed = ended(command, "").good();
    match std::fs::read_to_string(collected) {
        Ok(text) => assert!(text.len() > 10_000 && printed.trim_end() == text.trim_end()),
        Err(_) => assert!(printed.contains("built without the licences"), "{printed}"),
    }
}

#[test]
fn shells_complete_what_can_be_typed() {
    for shell in ["bash", "zsh", "fish"] {
        let mut command = pawl();
        command.args(["completions", shell]);
        let script = ended(command, "").good();
        for word in ["receive", "--follow", "backup"] {
            assert!(
                script.contains(word.trim_start_matches('-')),
                "{shell}: {word}"
            );
        }
    }
    let mut page = pawl();
    page.arg("man");
    let page = ended(page, "").good();
    for words in [
        ".TH pawl 1",
        ".SH \"PAWL SEND\"",
        "\\-\\-follow",
        "PAWL_STORE",
        "\\&  130  Ctrl\\-C",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let everywhere = page.matches("\\-\\-passphrase\\-file").count();
    assert!(everywhere < 4, "options of all commands stand at each");
    let mut help = pawl();
    help.arg("--help");
    let help = ended(help, "").good();
    for words in ["Examples:", "Exit codes:", "130  Ctrl-C"] {
        assert!(help.contains(words), "{words}");
    }
    let mut nothing = pawl();
    nothing.arg("sned");
    let said = ended(nothing, "");
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("send"),
        "it says what was meant: {}",
        said.err
    );
}

//! The operator's own words: labels of invites, reasons of bans, and lists for scripts.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Child, Client, Device, Relay, command, ended};

/// What a command printed, or its exit code and what it complained about.
fn told(data: &Path, arguments: &[&str]) -> Result<String, (Option<i32>, String)> {
    let output = command(data, arguments);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    match output.status.code() {
        Some(0) => Ok(text(output.stdout)),
        code => Err((code, text(output.stderr))),
    }
}

fn lines(data: &Path, arguments: &[&str]) -> Vec<Value> {
    let said = told(data, arguments).expect("a list");
    let parsed = said.lines().map(serde_json::from_str);
    parsed.collect::<Result<_, _>>().expect("lines of JSON")
}

#[tokio::test]
async fn an_invite_has_a_label_and_scripts_read_its_code_and_its_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let relay = Child::start(data, &["--registration", "invite"]);
    let made = lines(
        data,
        &[
            "invite",
            "create",
            "--uses=2",
            "--label",
            " chess club, Ütrecht ",
            "--json",
        ],
    );
    let [made] = &made[..] else {
        panic!("one line: {made:?}");
    };
    let code = made["code"].as_str().expect("a code").to_owned();
    assert_eq!(
        *made,
        json!({"number": 1, "code": code, "accounts_left": 2, "days_left": 14, "label": "chess club, Ütrecht"})
    );
    let mut client = Client::connect(relay.address).await;
    let mut register = Device::new("alice").register(&client.challenge);
    register.invite = Some(code);
    assert_eq!(client.join(register).await, None);
    told(data, &["invite", "create", "--days=3"]).expect("one without a label");
    let list = "1: 1 account, 14 days, chess club, Ütrecht\n2: 1 account, 3 days\n";
    assert_eq!(told(data, &["invite", "list"]).as_deref(), Ok(list));
    let expected = [
        json!({"number": 1, "accounts_left": 1, "days_left": 14, "label": "chess club, Ütrecht"}),
        json!({"number": 2, "accounts_left": 1, "days_left": 3, "label": null}),
    ];
    assert_eq!(lines(data, &["invite", "list", "--json"]), expected);
    for number in ["1", "2"] {
        told(data, &["invite", "revoke", number]).expect("it is taken back");
    }
    assert_eq!(told(data, &["invite", "list", "--json"]).as_deref(), Ok(""));
}

#[test]
fn a_ban_has_a_reason_and_a_date() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    drop(Relay::start_in(data, |_| ()));
    told(data, &["ban", "add", "mallory", "--reason", "spam, twice"]).expect("a ban");
    told(data, &["ban", "add", "203.0.113.0/24"]).expect("a ban");
    let bans = lines(data, &["ban", "list", "--json"]);
    let since = bans[0]["since"].as_str().expect("a time").to_owned();
    let is_time = since.len() == 20 && since.starts_with("20") && since.ends_with('Z');
    assert!(is_time, "{since}");
    assert_eq!(
        bans[0],
        json!({"who": "mallory", "kind": "account", "since": since, "reason": "spam, twice"})
    );
    assert_eq!(bans[1]["kind"], "network");
    assert_eq!(bans[1]["reason"], Value::Null);
    let day = &since[..10];
    let list = format!("mallory         {day}  spam, twice\n203.0.113.0/24  {day}\n");
    assert_eq!(told(data, &["ban", "list"]), Ok(list));
    // Another reason takes its place; none leaves it.
    let said = told(
        data,
        &["ban", "add", "mallory", "--reason", "spam, three times"],
    );
    assert!(said.expect("a ban").contains("the reason is the new one"));
    let said = told(data, &["ban", "add", "mallory"]).expect("a ban");
    assert!(said.contains("was shut out already in"), "{said}");
    let bans = lines(data, &["ban", "list", "--json"]);
    assert_eq!(bans[0]["reason"], "spam, three times");
    assert_eq!(bans[0]["since"], since.as_str());
}

#[test]
fn words_that_do_not_fit_in_a_line_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Relay::start_in(folder.path(), |_| ()));
    let (long, fits) = ("é".repeat(201), "é".repeat(200));
    for wrong in ["two\nlines", "\u{1b}[2J", "", "   ", &long] {
        for begin in [["invite", "create", "--label"], ["ban", "add", "--reason"]] {
            let name = begin[2];
            let arguments = [
                &begin[..],
                &[wrong],
                &["mallory"][..usize::from(begin[0] == "ban")],
            ];
            let (code, said) = told(folder.path(), &arguments.concat()).expect_err("no line");
            assert_eq!(code, Some(2), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            let expected = "1 to 200 characters on one line are needed";
            assert!(said.contains(name) && said.contains(expected), "{said}");
        }
    }
    told(folder.path(), &["invite", "create", "--label", &fits]).expect("it fits");
}

/// One less on the list would be one more who comes in.
#[test]
fn a_ban_that_names_nobody_is_an_error_of_list_and_relay() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    drop(Relay::start_in(data, |_| ()));
    for who in ["mallory", "203.0.113.0/24", "trudy"] {
        told(data, &["ban", "add", who]).expect("a ban");
    }
    let conn = rusqlite::Connection::open(data.join("relay.db")).expect("a store");
    conn.execute("UPDATE ban SET network = '203.0.113.0/' WHERE id = 2", [])
        .expect("it writes");
    drop(conn);
    let expected = "the row 2 of the table ban names neither an account nor a network";
    let (code, said) = told(data, &["ban", "list"]).expect_err("it is damaged");
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains(expected), "{said}");
    let mut relay = std::process::Command::new(env!("CARGO_BIN_EXE_pawl-server"));
    relay.args(["--log=off", "--listen=127.0.0.1:0", "--data"]);
    let output = ended(relay.arg(data));
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("cannot read who is shut out in"), "{said}");
}

/// Version 6 kept neither reasons nor labels.
#[tokio::test]
async fn bans_and_invites_of_an_older_store_still_count() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    drop(Relay::start_in(data, |_| ()));
    told(data, &["ban", "add", "mallory"]).expect("a ban");
    told(data, &["ban", "add", "203.0.113.0/24"]).expect("a ban");
    told(data, &["invite", "create"]).expect("an invite");
    let conn = rusqlite::Connection::open(data.join("relay.db")).expect("a store");
    conn.execute_batch(
        "ALTER TABLE relay DROP COLUMN today; ALTER TABLE relay DROP COLUMN made_today;
         ALTER TABLE invite DROP COLUMN label; ALTER TABLE ban DROP COLUMN reason;
         PRAGMA user_version = 6",
    )
    .expect("it writes");
    drop(conn);
    let relay = Child::start(data, &[]);
    let mut client = Client::connect(relay.address).await;
    let register = Device::new("mallory").register(&client.challenge);
    let banned = pawl_wire::ConnectionError::Banned;
    let end = crate::support::End::refused(banned);
    assert_eq!(client.join(register).await, Some(end));
    let who: Vec<_> = lines(data, &["ban", "list", "--json"])
        .into_iter()
        .map(|ban| (ban["who"].clone(), ban["reason"].clone()))
        .collect();
    let known = ["mallory", "203.0.113.0/24"].map(|who| (json!(who), Value::Null));
    assert_eq!(who, known);
    let list = told(data, &["invite", "list"]);
    assert_eq!(list.as_deref(), Ok("1: 1 account, 14 days\n"));
}

//! `/.well-known/security.txt`: whom to tell of faults, from each place where it can be set.

use std::process::Command;

use pawl_server::SECURITY_HEADERS;

use crate::support::{Child, Response, ended, http, program};

const PATH: &str = "/.well-known/security.txt";

fn asked(relay: &Child, method: &str) -> Response {
    http(relay.address, &format!("{method} {PATH}"), &[])
}

/// The lines, without the day, which is another one each day.
fn fields(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 200);
    let text = String::from_utf8(response.body.clone()).expect("text");
    assert!(text.ends_with('\n'));
    let lines = text.lines().map(str::to_owned);
    lines
        .filter(|line| !line.starts_with("Expires: "))
        .collect()
}

fn year(text: &str, before: &str) -> u32 {
    let rest = text.split_once(before).expect(before).1;
    let year = rest.split([' ', '-']).find(|word| word.len() == 4);
    year.expect("a year").parse().expect("a number")
}

#[test]
fn contacts_are_told_with_an_end_within_a_year_and_where_the_text_belongs() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = [
        "--security-contact=mailto:security@example.org",
        "--security-contact=https://example.org/security",
        "--public-origin=https://chat.example.org",
    ];
    let relay = Child::start(folder.path(), &flags);
    let response = asked(&relay, "GET");
    let expected = [
        "Contact: mailto:security@example.org",
        "Contact: https://example.org/security",
        "Canonical: https://chat.example.org/.well-known/security.txt",
    ];
    assert_eq!(fields(&response), expected);
    let text = String::from_utf8_lossy(&response.body);
    assert_eq!(text.matches("\nExpires: 2").count(), 1, "{text}");
    let now = year(response.header("Date").expect("a date"), ", ");
    assert!(
        (now..=now + 1).contains(&year(&text, "Expires: ")),
        "{text}"
    );
    let kind = response.header("Content-Type");
    assert_eq!(kind, Some("text/plain; charset=utf-8"));
    let head = asked(&relay, "HEAD");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(
        head.header("Content-Length"),
        response.header("Content-Length")
    );
    let posted = http(
        relay.address,
        &format!("POST {PATH}"),
        &["Content-Length: 0"],
    );
    assert_eq!(posted.status, 405);
    for answer in [response, head, posted] {
        for (name, value) in SECURITY_HEADERS {
            assert_eq!(answer.header(name), Some(*value), "{name}");
        }
    }
}

#[test]
fn without_a_contact_there_is_no_such_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let origin = "--public-origin=https://chat.example.org";
    let relay = Child::start(folder.path(), &[origin]);
    let response = asked(&relay, "GET");
    assert_eq!(response.status, 404);
    assert_eq!(response.body, b"no such file");
}

#[test]
fn a_variable_and_the_file_set_it_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = Command::new(program());
    command
        .args(["--listen=127.0.0.1:0", "--data"])
        .arg(&data)
        .env(
            "PAWL_SECURITY_CONTACT",
            "mailto:a@b.example, https://c.example/d",
        );
    let expected = [
        "Contact: mailto:a@b.example",
        "Contact: https://c.example/d",
    ];
    assert_eq!(fields(&asked(&Child::spawn(&mut command), "GET")), expected);
    let file = folder.path().join("pawl.toml");
    std::fs::write(&file, "security-contact = [\"mailto:e@f.example\"]\n").expect("a file");
    let mut command = Command::new(program());
    command
        .args(["--listen=127.0.0.1:0", "--data"])
        .arg(&data)
        .arg("--config")
        .arg(&file);
    let relay = Child::spawn(&mut command);
    let expected = ["Contact: mailto:e@f.example"];
    assert_eq!(fields(&asked(&relay, "GET")), expected);
}

#[test]
fn what_is_no_contact_is_said_in_one_line_and_nothing_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    for wrong in [
        "security@example.org",
        "http://example.org/",
        "tel:+12015550123",
        "https://example.org/\nContact: mailto:x@y",
        "",
    ] {
        let mut command = Command::new(program());
        command.arg("--data").arg(&data);
        let output = ended(command.arg(format!("--security-contact={wrong}")));
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{wrong:?}: {said}");
        assert!(said.contains("--security-contact: "), "{wrong:?}: {said}");
        assert!(!data.exists(), "{wrong:?}");
    }
    let file = folder.path().join("pawl.toml");
    std::fs::write(&file, "security-contact = \"nobody\"\n").expect("a file");
    let mut command = Command::new(program());
    let output = ended(command.arg("--config").arg(&file));
    let said = String::from_utf8(output.stderr).expect("text");
    let expected = "security-contact: \"nobody\": a contact looks like mailto:";
    assert!(said.contains(expected), "{said}");
}

//! Who may come in: invites, closed registration, bans; each with the real commands beside a running relay.

use std::path::Path;

use pawl_wire::{BundleRefusal, ClaimId, ClientFrame, ConnectionError, Registration, RelayFrame};

use crate::support::{
    Child, Client, Device, End, Relay, command, ended, envelope, message_id, random,
};

/// Runs a command on this data folder; what it printed, or what it complained about.
fn told(data: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = command(data, arguments);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    match output.status.code() {
        Some(0) => Ok(text(output.stdout)),
        _ => Err(text(output.stderr)),
    }
}

/// Makes an invite and gives its code.
fn invited(data: &Path, more: &[&str]) -> String {
    let said = told(data, &[&["invite", "create"], more].concat()).expect("an invite");
    said.lines().next().expect("a code").to_owned()
}

/// Who stands in the list of bans.
fn shut_out(data: &Path) -> Vec<String> {
    let list = told(data, &["ban", "list"]).expect("a list");
    let who = list.lines().filter_map(|line| line.split(' ').next());
    who.map(str::to_owned).collect()
}

/// Registers with a code; the last word, or nothing when it is in.
async fn join(relay: &Child, device: &Device, invite: Option<&str>) -> Option<End> {
    let mut client = Client::connect(relay.address).await;
    let mut register = device.register(&client.challenge);
    register.invite = invite.map(str::to_owned);
    client.join(register).await
}

fn refused(error: ConnectionError) -> Option<End> {
    Some(End::refused(error))
}

#[tokio::test]
async fn an_invite_lets_as_many_in_as_it_says_and_a_repetition_costs_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let relay = Child::start(data, &["--registration", "invite"]);
    let first = invited(data, &[]);
    let challenge = Client::connect(relay.address).await;
    assert_eq!(challenge.registration, Registration::Invite);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(Device::new);
    let needed = refused(ConnectionError::InviteNeeded);
    assert_eq!(join(&relay, &alice, None).await, needed);
    assert_eq!(
        join(&relay, &alice, Some("00000-00000-00000-00000")).await,
        needed
    );
    assert_eq!(
        join(
            &relay,
            &alice,
            Some(&first.to_lowercase().replace('-', " "))
        )
        .await,
        None
    );
    // The answer was lost: the same registration needs no further invite.
    assert_eq!(join(&relay, &alice, Some(&first)).await, None);
    assert_eq!(
        join(&relay, &bob, Some(&first)).await,
        needed,
        "it is used up"
    );
    let second = invited(data, &["--uses", "2", "--days", "3"]);
    assert_eq!(
        told(data, &["invite", "list"]),
        Ok("2: 2 accounts, 3 days\n".to_owned())
    );
    // A name that is taken is told to nobody without an invite, and costs no use.
    let thief = Device::new("alice");
    assert_eq!(join(&relay, &thief, None).await, needed);
    let taken = refused(ConnectionError::UsernameTaken);
    assert_eq!(join(&relay, &thief, Some(&second)).await, taken);
    assert_eq!(join(&relay, &bob, Some(&second)).await, None);
    assert_eq!(
        told(data, &["invite", "list"]),
        Ok("2: 1 account, 3 days\n".to_owned())
    );
    told(data, &["invite", "revoke", "2"]).expect("it is taken back");
    assert_eq!(join(&relay, &carol, Some(&second)).await, needed);
    let said = told(data, &["invite", "revoke", "2"]).expect_err("it is gone");
    assert!(said.contains("there is no invite 2"), "{said}");
    let none = format!("No invite is open in {}.\n", data.display());
    assert_eq!(told(data, &["invite", "list"]), Ok(none));
}

#[tokio::test]
async fn a_stolen_store_holds_no_code_and_an_old_invite_does_not_count() {
    let folder = tempfile::tempdir().expect("a folder");
    // Without a relay that runs, too.
    drop(Relay::start_in(folder.path(), |_| ()));
    let code = invited(folder.path(), &[]);
    let bytes = std::fs::read(folder.path().join("relay.db")).expect("the store");
    let plain = code.replace('-', "");
    for secret in [code.as_bytes(), plain.as_bytes()] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    }
    let conn = rusqlite::Connection::open(folder.path().join("relay.db")).expect("a store");
    conn.execute("UPDATE invite SET expires_at = 1", [])
        .expect("it can write");
    drop(conn);
    let relay = Child::start(folder.path(), &["--registration", "invite"]);
    let needed = refused(ConnectionError::InviteNeeded);
    assert_eq!(
        join(&relay, &Device::new("alice"), Some(&code)).await,
        needed
    );
}

#[tokio::test]
async fn a_closed_relay_takes_no_new_accounts_and_serves_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = Child::start(folder.path(), &[]);
    let alice = Device::new("alice");
    assert_eq!(join(&relay, &alice, None).await, None);
    relay.kill();
    let relay = Child::start(folder.path(), &["--registration", "closed"]);
    let closed = refused(ConnectionError::RegistrationClosed);
    assert_eq!(join(&relay, &Device::new("bob"), None).await, closed);
    assert_eq!(join(&relay, &Device::new("alice"), None).await, closed);
    // A registration whose answer was lost is finished all the same.
    assert_eq!(join(&relay, &alice, None).await, None);
    Client::auth(relay.address, &alice, 0).await;
}

/// A folder that no relay uses may be the wrong one: a code of it is worth nothing, a ban there bans nobody.
#[test]
fn a_folder_without_a_store_is_refused_and_left_as_it_is_and_every_answer_names_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let [empty, data] = ["empty", "data"].map(|name| folder.path().join(name));
    let all: [&[&str]; 6] = [
        &["invite", "create"],
        &["invite", "list"],
        &["ban", "add", "mallory"],
        &["ban", "list"],
        &["ban", "remove", "mallory"],
        &["invite", "revoke", "1"],
    ];
    for arguments in all {
        let said = told(&empty, arguments).expect_err("there is no store");
        let expected = format!("{}: there is no store in it", empty.display());
        assert!(said.contains(&expected), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!empty.exists(), "{arguments:?} made a folder");
    }
    drop(Relay::start_in(&data, |_| ()));
    let name = data.display().to_string();
    for arguments in all
        .into_iter()
        .filter(|it| *it != ["invite", "list"] && *it != ["ban", "list"])
    {
        let said = told(&data, arguments).expect("it is done");
        assert!(said.contains(&name), "{arguments:?}: {said}");
    }
    // Also where the folder is not given whole.
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pawl-server"));
    let output = ended(
        command
            .current_dir(&data)
            .args(["ban", "list", "--data", "."]),
    );
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(said, format!("Nobody is shut out in {name}.\n"));
}

#[test]
fn a_code_that_is_worth_nothing_and_a_ban_of_nearly_everybody_are_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    drop(Relay::start_in(&data, |_| ()));
    let file = folder.path().join("pawl.toml");
    let path = file.to_str().expect("a plain path");
    for (registration, expected) in [
        ("open", Some("nobody needs a code")),
        ("closed", Some("no code is taken")),
        ("invite", None),
    ] {
        std::fs::write(&file, format!("registration = {registration:?}")).expect("a file");
        let said = told(&data, &["invite", "create", "--config", path]).expect("a code");
        let third = said.lines().nth(2);
        assert_eq!(third.is_some(), expected.is_some(), "{said}");
        assert!(said.contains(expected.unwrap_or_default()), "{said}");
    }
    for wide in ["0.0.0.0/0", "128.0.0.0/7", "::/0", "2000::/15"] {
        let said = told(&data, &["ban", "add", wide]).expect_err("it is nearly everybody");
        assert!(said.contains("--yes"), "{said}");
    }
    for meant in ["10.0.0.0/8", "2001::/16"] {
        told(&data, &["ban", "add", meant]).expect("it is meant");
    }
    told(&data, &["ban", "add", "0.0.0.0/0", "--yes"]).expect("it is meant");
}

/// The last word on a connection, with the time to wait.
async fn last_word(client: &mut Client) -> (ConnectionError, u64) {
    loop {
        match client.next().await {
            RelayFrame::Error {
                code,
                retry_after_ms,
            } => return (code, retry_after_ms),
            RelayFrame::QueueEmpty { .. } | RelayFrame::Deliver { .. } => (),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn who_is_banned_is_cut_off_and_comes_in_again_when_the_ban_is_lifted() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let relay = Child::start(data, &[]);
    let (mallory, alice) = (Device::new("mallory"), Device::new("alice"));
    let mut bad = Client::register(relay.address, &mallory).await;
    let mut good = Client::register(relay.address, &alice).await;
    told(data, &["ban", "add", "Mallory"]).expect("a ban");
    assert_eq!(shut_out(data), ["mallory"]);
    let (code, wait) = last_word(&mut bad).await;
    assert_eq!(code, ConnectionError::Banned);
    assert!(wait > 0);
    let mut again = Client::connect(relay.address).await;
    let auth = mallory.auth(&again.challenge, 0);
    again.send(&ClientFrame::Auth(auth)).await;
    assert_eq!(last_word(&mut again).await.0, ConnectionError::Banned);
    good.store(alice.address(), message_id(), envelope(1)).await;
    // The name of an account that is not there yet; once the relay knows of the one it knows of both.
    told(data, &["ban", "add", "trudy"]).expect("a ban");
    told(data, &["ban", "add", "alice"]).expect("a ban");
    assert_eq!(last_word(&mut good).await.0, ConnectionError::Banned);
    let banned = refused(ConnectionError::Banned);
    assert_eq!(join(&relay, &Device::new("trudy"), None).await, banned);
    told(data, &["ban", "remove", "mallory"]).expect("it was there");
    let said = told(data, &["ban", "remove", "mallory"]).expect_err("it is gone");
    assert!(said.contains("mallory is not shut out"), "{said}");
    loop {
        let mut again = Client::connect(relay.address).await;
        let auth = mallory.auth(&again.challenge, 0);
        again.send(&ClientFrame::Auth(auth)).await;
        if matches!(again.next().await, RelayFrame::AuthOk(_)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_banned_network_is_cut_off_with_all_who_come_from_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let relay = Child::start(data, &[]);
    let alice = Device::new("alice");
    let mut client = Client::register(relay.address, &alice).await;
    told(data, &["ban", "add", "127.0.0.0/8"]).expect("a ban");
    assert_eq!(shut_out(data), ["127.0.0.0/8"]);
    assert_eq!(last_word(&mut client).await.0, ConnectionError::Banned);
    let banned = refused(ConnectionError::Banned);
    assert_eq!(join(&relay, &Device::new("bob"), None).await, banned);
    let said = told(data, &["ban", "add", "no/name"]).expect_err("it is neither");
    assert!(
        said.contains("\"no/name\": a username, an address or a network"),
        "{said}"
    );
}

#[tokio::test]
async fn one_account_cannot_claim_all_of_anothers_keys() {
    let two = std::num::NonZeroU32::new(2).expect("two");
    let relay = Relay::start_with(|config| config.limits.claims_per_target = two);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(Device::new);
    let mut from = Client::register(relay.address, &alice).await;
    for device in [&bob, &carol] {
        Client::register(relay.address, device).await.leave().await;
    }
    let mut claim = async |of: &Device| {
        let (claim, device) = (ClaimId(random()), of.address());
        from.send(&ClientFrame::FetchBundle { claim, device }).await;
        from.answer().await
    };
    // Somebody who is not there is counted like anybody.
    for of in [&bob, &Device::new("nobody")] {
        for _ in 0..2 {
            let answer = claim(of).await;
            let limited = matches!(
                answer,
                RelayFrame::NoBundle {
                    cause: BundleRefusal::RateLimited,
                    ..
                }
            );
            assert!(!limited, "{answer:?}");
        }
        let answer = claim(of).await;
        assert!(
            matches!(
                answer,
                RelayFrame::NoBundle {
                    cause: BundleRefusal::RateLimited,
                    retry_after_ms: 1..,
                    ..
                }
            ),
            "{answer:?}"
        );
    }
    assert!(matches!(claim(&carol).await, RelayFrame::Bundle { .. }));
}

//! As many accounts as the operator has room for, in all and in a day.

use std::path::Path;

use pawl_wire::ConnectionError;

use crate::support::{Child, Client, Device, End, command};
use crate::watching::{free_port, value, word};

/// Registers; the last word, or nothing when it is in.
async fn join(relay: &Child, device: &Device, invite: Option<&str>) -> Option<End> {
    let mut client = Client::connect(relay.address).await;
    let mut register = device.register(&client.challenge);
    register.invite = invite.map(str::to_owned);
    client.join(register).await
}

fn closed() -> Option<End> {
    Some(End::refused(ConnectionError::RegistrationClosed))
}

fn done(data: &Path, arguments: &[&str]) -> String {
    let output = command(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn no_more_accounts_are_made_than_there_may_be_and_an_erased_one_makes_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let file = folder.path().join("pawl.toml");
    std::fs::write(&file, "accounts = 2\nregistration = \"invite\"\n").expect("a file");
    let metrics = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (config, at) = (
        format!("--config={}", file.display()),
        format!("--metrics={metrics}"),
    );
    let relay = Child::start(&data, &[&config, &at]);
    let said = done(&data, &["invite", "create", "--uses=9"]);
    let code = said.lines().next();
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(Device::new);
    for device in [&alice, &bob] {
        assert_eq!(join(&relay, device, code).await, None);
    }
    assert_eq!(join(&relay, &carol, code).await, closed());
    // Nobody learns whether a name is taken, nor whether there is room without a code.
    assert_eq!(join(&relay, &Device::new("alice"), code).await, closed());
    let needed = Some(End::refused(ConnectionError::InviteNeeded));
    assert_eq!(join(&relay, &carol, None).await, needed);
    // Whoever is in stays in, a lost answer is answered again, and what was refused cost no use.
    assert_eq!(join(&relay, &alice, None).await, None);
    Client::auth(relay.address, &bob, 0).await.leave().await;
    assert!(done(&data, &["invite", "list"]).starts_with("1: 7 accounts, "));
    let (_, text) = word(metrics, "/metrics");
    assert_eq!(value(&text, "pawl_accounts"), 2);
    let refused = |cause| format!("pawl_accounts_refused_total{{cause=\"{cause}\"}}");
    assert_eq!(value(&text, &refused("Accounts")), 2);
    assert_eq!(value(&text, &refused("AccountsPerDay")), 0);
    done(&data, &["account", "erase", "alice", "--yes"]);
    assert_eq!(join(&relay, &carol, code).await, None);
    assert_eq!(join(&relay, &Device::new("dave"), code).await, closed());
}

#[tokio::test]
async fn no_more_accounts_are_made_in_a_day_than_may_be_and_the_next_day_brings_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let start = |flags: &[&str]| Child::start(data, flags);
    let write = |sql: &str| {
        let conn = rusqlite::Connection::open(data.join("relay.db")).expect("a store");
        conn.execute(sql, []).expect("it writes");
    };
    let day = |relay: &mut Child| {
        assert_eq!(relay.terminate(), Some(0));
        let conn = rusqlite::Connection::open(data.join("relay.db")).expect("a store");
        conn.query_row("SELECT today > 0, made_today FROM relay", [], |row| {
            Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?))
        })
        .expect("a row")
    };
    let mut relay = start(&[]);
    assert_eq!(join(&relay, &Device::new("early"), None).await, None);
    assert_eq!(
        day(&mut relay),
        (false, 0),
        "nothing is kept that nobody asked for"
    );
    // No day ends while the test runs.
    write("UPDATE relay SET own_time = own_time - own_time % 86400000 + 43200000");
    let limited = ["--accounts-per-day=2"];
    let mut relay = start(&limited);
    let bob = Device::new("bob");
    assert_eq!(join(&relay, &Device::new("alice"), None).await, None);
    assert_eq!(join(&relay, &bob, None).await, None);
    assert_eq!(join(&relay, &Device::new("carol"), None).await, closed());
    assert_eq!(join(&relay, &bob, None).await, None);
    assert_eq!(day(&mut relay), (true, 2));
    // A restart is no new day.
    let mut relay = start(&limited);
    assert_eq!(join(&relay, &Device::new("carol"), None).await, closed());
    assert_eq!(day(&mut relay), (true, 2));
    write("UPDATE relay SET own_time = own_time + 86400000");
    let mut relay = start(&limited);
    assert_eq!(join(&relay, &Device::new("carol"), None).await, None);
    assert_eq!(day(&mut relay), (true, 1));
}

//! The real core in a browser: two people shake hands and talk, and an engine comes back from the
//! browser's own store as it was.

use getrandom::SysRng;
use pawl_client::{Command, Config, Effects, Engine, Event, Input, Phase};
use pawl_protocol::{
    AccountKeyPair, DeviceId, DeviceKeyPair, Envelope, KemKind, KemPreKeyPair, LocalDevice,
    OneTimePreKeyPair, PreKeyBundle, ResponderPreKeys, Session, SignedPreKeyPair,
};
use pawl_wasm::store::Store;
use rand_core::UnwrapErr;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::{Database, commit, put, records};
use crate::tabs::{Window, at};

const NOW: u64 = 1_700_000_000_000;

fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

fn person() -> (AccountKeyPair, LocalDevice) {
    let account = AccountKeyPair::generate(&mut rng());
    let keys = DeviceKeyPair::generate(&mut rng());
    let device = LocalDevice::certify(&account, DeviceId::FIRST, keys);
    (account, device)
}

/// Alice's session, and Bob's, who has opened her first message.
fn shake_hands(first: &[u8]) -> (Session, Session) {
    let (alice, (bobs_account, bob)) = (person(), person());
    let signed_prekey = SignedPreKeyPair::generate(1, bob.keys(), &mut rng());
    let kem_prekey = KemPreKeyPair::generate(KemKind::OneTime, 2, bob.keys(), &mut rng());
    let one_time_prekey = OneTimePreKeyPair::generate(3, &mut rng());
    let bundle = PreKeyBundle {
        certificate: bob.certificate().clone(),
        signed_prekey: signed_prekey.public(),
        kem_prekey: kem_prekey.public(),
        one_time_prekey: Some(one_time_prekey.public()),
    };
    let verified = bundle
        .verify(&bobs_account.public())
        .expect("his own bundle");
    let mut sending = Session::initiate(&alice.1, verified, &mut rng()).expect("his own bundle");
    let sealed = sending.seal(first, &mut rng()).expect("a short text");
    let Ok(Envelope::Initial(initial)) = Envelope::decode(&sealed) else {
        panic!("the first message of a session is an initial message")
    };
    let prekeys = ResponderPreKeys {
        signed_prekey: &signed_prekey,
        kem_prekey: &kem_prekey,
        one_time_prekey: Some(&one_time_prekey),
    };
    let (receiving, text) =
        Session::accept(&bob, &prekeys, &initial, NOW).expect("an honest handshake");
    assert_eq!(text.as_bytes(), first);
    (sending, receiving)
}

fn send(from: &mut Session, to: &mut Session, text: &[u8]) {
    let sealed = from.seal(text, &mut rng()).expect("a short text");
    let envelope = Envelope::decode(&sealed).expect("an envelope");
    let opened = to.open(&envelope, NOW).expect("an honest message");
    assert_eq!(opened.as_bytes(), text);
    assert!(to.open(&envelope, NOW).is_err(), "no message opens twice");
}

#[wasm_bindgen_test]
fn two_people_talk_in_a_browser() {
    let (mut alice, mut bob) = shake_hands(b"hello");
    for round in 0..20_u8 {
        send(&mut bob, &mut alice, &[round; 33]);
        send(&mut alice, &mut bob, &[round; 200]);
        send(&mut alice, &mut bob, "Grüße 👋".as_bytes());
    }
}

#[wasm_bindgen_test]
fn an_altered_message_does_not_open_and_does_no_harm() {
    let (mut alice, mut bob) = shake_hands(b"hello");
    let mut sealed = alice.seal(b"text", &mut rng()).expect("a short text");
    *sealed.last_mut().expect("never empty") ^= 1;
    let altered = Envelope::decode(&sealed).expect("still of its form");
    assert!(bob.open(&altered, NOW).is_err());
    *sealed.last_mut().expect("never empty") ^= 1;
    let whole = Envelope::decode(&sealed).expect("an envelope");
    assert_eq!(bob.open(&whole, NOW).expect("unharmed").as_bytes(), b"text");
}

async fn load(store: &Store) -> Engine {
    let config = Config {
        authority: "relay.test".into(),
    };
    let records = store.load().await.expect("the store can be read");
    Engine::load(config, records).expect("the records are an engine's")
}

async fn step(engine: &mut Engine, store: &Store, input: Input) -> Effects {
    let (changes, uncommitted) = engine.handle(input, NOW, &mut rng()).into_changes();
    commit(store, changes).await;
    uncommitted.committed()
}

/// A relay that takes everybody: its first frame, and no more.
fn create_account() -> Input {
    Input::Command {
        id: "00112233445566778899aabbccddeeff".into(),
        command: Command::CreateAccount {
            username: "alice".into(),
            invite: None,
        },
    }
}

#[wasm_bindgen_test]
async fn an_engine_comes_back_from_the_store_as_it_was() {
    let database = Database::fresh("engine").await;
    let store = database.open().await;
    let mut engine = load(&store).await;
    assert!(matches!(engine.snapshot().phase, Phase::NoAccount { .. }));
    step(&mut engine, &store, Input::Tick).await;
    let asked = step(&mut engine, &store, create_account()).await;
    assert!(asked.frames.is_empty(), "there is no relay to send to");
    let before = engine.snapshot();
    assert!(
        matches!(&before.phase, Phase::Registering { username } if username == "alice"),
        "the keys are made and on disk"
    );
    drop((engine, store));

    let store = database.open().await;
    let reloaded = load(&store).await.snapshot();
    assert!(reloaded.phase == before.phase && reloaded.conversations == before.conversations);
}

#[wasm_bindgen_test]
async fn a_step_that_was_never_committed_leaves_no_trace() {
    let database = Database::fresh("uncommitted").await;
    let store = database.open().await;
    let mut engine = load(&store).await;
    let lost = engine.handle(create_account(), NOW, &mut rng());
    let (changes, uncommitted) = lost.into_changes();
    assert!(!changes.is_empty());
    // Nothing is committed: the tab ends here.
    let events = uncommitted.committed().events;
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::CommandDone { .. }))
    );
    drop((engine, changes));
    assert!(matches!(
        load(&store).await.snapshot().phase,
        Phase::NoAccount { .. }
    ));
}

/// As Pawl 0.2 wrote it: the first byte of each record is 1.
#[wasm_bindgen_test]
async fn a_store_of_an_older_version_is_told_and_left_as_it_is() {
    let database = Database::fresh("older").await;
    let store = database.open().await;
    let mut engine = load(&store).await;
    step(&mut engine, &store, create_account()).await;
    let older = records(&store)
        .await
        .into_iter()
        .map(|(table, key, value)| {
            let mut record = value.expect("it can be read");
            assert_eq!(record[0], 2, "the version of today's records");
            record[0] = 1;
            put(table, &key, &record)
        });
    commit(&store, older.collect()).await;
    drop((engine, store));

    let before = database.dump("meta").await;
    assert!(!before.is_empty());
    let window = Window::open(&database);
    let failed = window.hears(&[("state", "failed".into())]).await;
    assert_eq!(at(&failed, "error.code"), "storeOlder");
    assert!(database.dump("meta").await == before);
}

//! A model of the relay that speaks wire frames: directory, bundles, mailboxes, in memory. It follows
//! the contract of the frames to the letter, and lets a test bend what it says.
#![expect(missing_docs, reason = "it gives way to the simulator's model")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ed25519_dalek::{Signature, VerifyingKey};
use pawl_client::FrameBatch;
use pawl_wire::limits::FRAME_VERSION;
use pawl_wire::{
    AccountId, Auth, Bundle, BundleRefusal, ClaimId, ClientFrame, ConnectionError, DeviceAddress,
    Epoch, KeyDigests, KeyRecord, KeyStock, MessageId, Nonce, PublishedKeys, Register,
    Registration, RelayFrame, SigningKeyBytes, Submit, SubmitRefusal, Username, digest, statement,
    work,
};

pub const AUTHORITY: &str = "relay.example:8080";

/// Bends what the relay says to a client: each frame becomes none, one or several.
pub type Bend = Box<dyn FnMut(usize, RelayFrame) -> Vec<RelayFrame>>;

/// The largest sequence number that a relay takes from a device.
pub const MAX_SEQ: u64 = 1 << 53;

pub struct Relay {
    pub epoch: Epoch,
    pub versions: (u32, u32),
    pub registration: Registration,
    pub work_bits: u32,
    pub mailbox_limit: usize,
    pub message_limit: usize,
    pub names: BTreeMap<Username, AccountId>,
    pub records: BTreeMap<AccountId, Vec<u8>>,
    pub boxes: BTreeMap<DeviceAddress, Mailbox>,
    /// Every `Submit` that came in.
    pub submitted: Vec<Submit>,
    /// How many `Ack` came in of each device.
    pub acknowledgements: BTreeMap<DeviceAddress, usize>,
    /// Every `Publish` that came in.
    pub published: Vec<(DeviceAddress, PublishedKeys)>,
    pub bend: Option<Bend>,
    /// Gives out no one-time keys, though it has some.
    pub stingy: bool,
    nonces: u8,
}

pub struct Mailbox {
    pub signing_key: SigningKeyBytes,
    pub mail: VecDeque<(u64, MessageId, Vec<u8>)>,
    pub seq: u64,
    pub seen: BTreeSet<MessageId>,
    pub keys: PublishedKeys,
    pub one_time: VecDeque<KeyRecord>,
    pub kems: VecDeque<KeyRecord>,
    pub claims: BTreeMap<ClaimId, Bundle>,
    pub floors: (u32, u32),
}

/// One connection, on the relay's side.
pub struct Peer {
    pub client: usize,
    pub device: Option<DeviceAddress>,
    nonce: Nonce,
    sent: u64,
    window: u64,
    acknowledged: u64,
    caught_up: bool,
    pub out: VecDeque<Vec<u8>>,
    pub ended: bool,
}

impl Peer {
    /// What a driver takes as one step, of what has arrived.
    pub fn arrived(&mut self, most: usize) -> FrameBatch {
        let mut batch = FrameBatch::default();
        for _ in 0..most {
            match self.out.pop_front() {
                Some(frame) => batch.push(frame),
                None => break,
            }
            if batch.is_full() {
                break;
            }
        }
        batch
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            epoch: Epoch([1; 16]),
            versions: (FRAME_VERSION, FRAME_VERSION),
            registration: Registration::Open,
            work_bits: 0,
            mailbox_limit: usize::MAX,
            message_limit: usize::MAX,
            names: BTreeMap::new(),
            records: BTreeMap::new(),
            boxes: BTreeMap::new(),
            submitted: Vec::new(),
            acknowledgements: BTreeMap::new(),
            published: Vec::new(),
            bend: None,
            stingy: false,
            nonces: 0,
        }
    }
}

impl Relay {
    pub fn accept(&mut self, client: usize) -> Peer {
        self.nonces = self.nonces.wrapping_add(1);
        let mut peer = Peer {
            client,
            device: None,
            nonce: Nonce([self.nonces; 32]),
            sent: 0,
            window: 0,
            acknowledged: 0,
            caught_up: false,
            out: VecDeque::new(),
            ended: false,
        };
        let challenge = RelayFrame::Challenge {
            versions: self.versions,
            nonce: peer.nonce,
            epoch: self.epoch,
            registration: self.registration,
            work_bits: self.work_bits,
        };
        self.say(&mut peer, challenge);
        peer
    }

    pub fn say(&mut self, peer: &mut Peer, frame: RelayFrame) {
        let frames = match &mut self.bend {
            Some(bend) => bend(peer.client, frame),
            None => vec![frame],
        };
        peer.out.extend(frames.iter().map(RelayFrame::encode));
    }

    fn end(&mut self, peer: &mut Peer, code: ConnectionError) {
        self.say(
            peer,
            RelayFrame::Error {
                code,
                retry_after_ms: 0,
            },
        );
        peer.ended = true;
    }

    pub fn hear(&mut self, peer: &mut Peer, bytes: &[u8]) {
        let frame = ClientFrame::decode(bytes).expect("the engine speaks frames");
        match (peer.device, frame) {
            (None, ClientFrame::Auth(auth)) => self.on_auth(peer, &auth),
            (None, ClientFrame::Register(register)) => self.on_register(peer, *register),
            (Some(_), ClientFrame::Submit(submit)) => self.on_submit(peer, submit),
            (Some(device), ClientFrame::Ack { through }) => {
                *self.acknowledgements.entry(device).or_default() += 1;
                assert!(
                    through <= peer.sent,
                    "only what was delivered is acknowledged"
                );
                let mailbox = self.boxes.get_mut(&device).expect("authenticated");
                mailbox.mail.retain(|(seq, ..)| *seq > through);
                peer.acknowledged = peer.acknowledged.max(through);
            }
            (Some(_), ClientFrame::LookUp { username }) => {
                let account = self.names.get(&username);
                let record = account
                    .and_then(|account| self.records.get(account))
                    .cloned();
                self.say(peer, RelayFrame::Account { username, record });
            }
            (Some(_), ClientFrame::FetchBundle { claim, device }) => {
                let reply = self.claim(claim, device);
                self.say(peer, reply);
            }
            (Some(device), ClientFrame::Publish { request, keys }) => {
                self.published.push((device, keys.clone()));
                match self
                    .boxes
                    .get_mut(&device)
                    .expect("authenticated")
                    .publish(keys)
                {
                    Ok(()) => self.say(peer, RelayFrame::Published { request }),
                    Err(code) => self.end(peer, code),
                }
            }
            (Some(_), ClientFrame::Ping { token }) => self.say(peer, RelayFrame::Pong { token }),
            _ => panic!("a frame that is not allowed at this point"),
        }
    }

    fn on_auth(&mut self, peer: &mut Peer, auth: &Auth) {
        let Some(mailbox) = self.boxes.get_mut(&auth.device) else {
            return self.end(peer, ConnectionError::UnknownDevice);
        };
        let connection = statement::Connection {
            authority: AUTHORITY,
            nonce: peer.nonce,
            epoch: self.epoch,
        };
        let bytes = statement::auth(&connection, auth.device, auth.last_seq);
        verify(&mailbox.signing_key.0, &bytes, &auth.signature.0);
        if auth.last_seq > MAX_SEQ {
            return self.end(peer, ConnectionError::Malformed);
        }
        mailbox.mail.retain(|(seq, ..)| *seq > auth.last_seq);
        self.let_in(peer, auth.device, auth.last_seq, auth.receive_window);
    }

    fn on_register(&mut self, peer: &mut Peer, register: Register) {
        let connection = statement::Connection {
            authority: AUTHORITY,
            nonce: peer.nonce,
            epoch: self.epoch,
        };
        let puzzle = work::Puzzle::new(self.work_bits, &peer.nonce, &register.device.account);
        if !puzzle.is_solved_by(register.work) {
            return self.end(peer, ConnectionError::WorkNeeded);
        }
        let bytes = statement::register(
            &connection,
            register.device,
            &register.signing_key,
            &register.username,
        );
        verify(
            &register.device.account.0,
            &bytes,
            &register.account_signature.0,
        );
        verify(
            &register.signing_key.0,
            &bytes,
            &register.device_signature.0,
        );
        let holder = self.names.get(&register.username);
        let refusal = match (holder, self.registration) {
            (Some(holder), _) if *holder == register.device.account => None,
            (Some(_), _) => Some(ConnectionError::UsernameTaken),
            (None, Registration::Closed) => Some(ConnectionError::RegistrationClosed),
            (None, Registration::Invite) if register.invite.as_deref() != Some("welcome") => {
                Some(ConnectionError::InviteNeeded)
            }
            (None, _) => None,
        };
        if let Some(code) = refusal {
            return self.end(peer, code);
        }
        self.names
            .insert(register.username, register.device.account);
        self.records
            .insert(register.device.account, register.account_record);
        self.boxes
            .entry(register.device)
            .or_insert_with(|| Mailbox::new(register.signing_key, register.keys));
        self.let_in(peer, register.device, 0, register.receive_window);
    }

    fn let_in(&mut self, peer: &mut Peer, device: DeviceAddress, last_seq: u64, window: u32) {
        peer.device = Some(device);
        (peer.sent, peer.acknowledged) = (last_seq, last_seq);
        peer.window = u64::from(window);
        let stock = self.boxes[&device].stock();
        self.say(peer, RelayFrame::AuthOk(stock));
    }

    fn on_submit(&mut self, peer: &mut Peer, submit: Submit) {
        self.submitted.push(submit.clone());
        let message_id = submit.message_id;
        let limit = self.mailbox_limit;
        let refuse = |cause| RelayFrame::Refused {
            message_id,
            cause,
            retry_after_ms: 0,
        };
        let reply = match self.boxes.get_mut(&submit.recipient) {
            Some(_) if submit.envelope.len() > self.message_limit => {
                refuse(SubmitRefusal::TooLarge)
            }
            None => refuse(SubmitRefusal::UnknownRecipient),
            Some(mailbox) if mailbox.seen.contains(&message_id) => RelayFrame::Stored {
                message_id,
                duplicate: true,
            },
            Some(mailbox) if mailbox.mail.len() >= limit => refuse(SubmitRefusal::MailboxFull),
            Some(mailbox) => {
                mailbox.store(message_id, submit.envelope);
                RelayFrame::Stored {
                    message_id,
                    duplicate: false,
                }
            }
        };
        self.say(peer, reply);
    }

    fn claim(&mut self, claim: ClaimId, device: DeviceAddress) -> RelayFrame {
        let is_stingy = self.stingy;
        let Some(mailbox) = self.boxes.get_mut(&device) else {
            let cause = BundleRefusal::UnknownDevice;
            return RelayFrame::NoBundle {
                claim,
                cause,
                retry_after_ms: 0,
            };
        };
        if !mailbox.claims.contains_key(&claim) {
            let last_resort = mailbox.keys.last_resort_kem.clone();
            let bundle = Bundle {
                account_record: self.records[&device.account].clone(),
                signed_prekey: mailbox
                    .keys
                    .signed_prekey
                    .clone()
                    .expect("registered with one"),
                kem_prekey: (!is_stingy)
                    .then(|| mailbox.kems.pop_front())
                    .flatten()
                    .or(last_resort)
                    .expect("registered with one"),
                one_time_prekey: (!is_stingy).then(|| mailbox.one_time.pop_front()).flatten(),
            };
            mailbox.claims.insert(claim, bundle);
        }
        let bundle = Box::new(mailbox.claims[&claim].clone());
        RelayFrame::Bundle { claim, bundle }
    }

    /// Delivers what the window allows.
    pub fn deliver(&mut self, peer: &mut Peer) {
        let Some(device) = peer.device else {
            return;
        };
        let mailbox = &self.boxes[&device];
        let last = mailbox.seq;
        let open = |seq: u64| seq > peer.acknowledged && seq <= peer.sent;
        let unacknowledged = mailbox.mail.iter().filter(|(seq, ..)| open(*seq)).count();
        let room = usize::try_from(peer.window).expect("few");
        let next: Vec<_> = mailbox
            .mail
            .iter()
            .filter(|(seq, ..)| *seq > peer.sent)
            .take(room.saturating_sub(unacknowledged))
            .cloned()
            .collect();
        for (seq, message_id, envelope) in next {
            peer.sent = seq;
            self.say(
                peer,
                RelayFrame::Deliver {
                    seq,
                    message_id,
                    envelope,
                },
            );
        }
        if !peer.caught_up && peer.sent >= last {
            peer.caught_up = true;
            self.say(peer, RelayFrame::QueueEmpty { through: last });
        }
    }

    /// As after a restore: mail, one-time keys and what was seen are gone.
    pub fn restore(&mut self) {
        self.epoch = Epoch([self.epoch.0[0] + 1; 16]);
        for mailbox in self.boxes.values_mut() {
            mailbox.mail.clear();
            mailbox.seen.clear();
            mailbox.one_time.clear();
            mailbox.kems.clear();
            mailbox.claims.clear();
            mailbox.seq = 0;
        }
    }
}

impl Mailbox {
    pub fn new(signing_key: SigningKeyBytes, keys: PublishedKeys) -> Self {
        Self {
            signing_key,
            mail: VecDeque::new(),
            seq: 0,
            seen: BTreeSet::new(),
            keys,
            one_time: VecDeque::new(),
            kems: VecDeque::new(),
            claims: BTreeMap::new(),
            floors: (0, 0),
        }
    }

    pub fn store(&mut self, message_id: MessageId, envelope: Vec<u8>) {
        self.seq += 1;
        self.seen.insert(message_id);
        self.mail.push_back((self.seq, message_id, envelope));
    }

    pub fn stock(&self) -> KeyStock {
        let of_key = |key: &Option<KeyRecord>| key.as_ref().map_or(0, digest::of_key);
        let id = |key: &Option<KeyRecord>| key.as_ref().map_or(0, |key| key.id);
        KeyStock {
            signed_prekey: id(&self.keys.signed_prekey),
            last_resort_kem: id(&self.keys.last_resort_kem),
            one_time_prekeys: u32::try_from(self.one_time.len()).expect("few"),
            one_time_kems: u32::try_from(self.kems.len()).expect("few"),
            digests: KeyDigests {
                signed_prekey: of_key(&self.keys.signed_prekey),
                last_resort_kem: of_key(&self.keys.last_resort_kem),
                one_time_prekeys: digest::of_keys(&self.one_time),
                one_time_kems: digest::of_keys(&self.kems),
            },
        }
    }

    fn publish(&mut self, keys: PublishedKeys) -> Result<(), ConnectionError> {
        let is_fresh = |new: &Option<KeyRecord>, held: &Option<KeyRecord>| match (new, held) {
            (Some(new), Some(held)) => new.id > held.id || new == held,
            _ => true,
        };
        let claimed = |key: &KeyRecord| {
            self.claims.values().any(|bundle| {
                bundle.one_time_prekey.as_ref() == Some(key) || bundle.kem_prekey == *key
            })
        };
        let is_taken = |keys: &[KeyRecord], held: &VecDeque<KeyRecord>, floor: u32| {
            keys.iter()
                .all(|key| key.id > floor || held.contains(key) || claimed(key))
        };
        if !is_fresh(&keys.signed_prekey, &self.keys.signed_prekey)
            || !is_fresh(&keys.last_resort_kem, &self.keys.last_resort_kem)
            || !is_taken(&keys.one_time_prekeys, &self.one_time, self.floors.0)
            || !is_taken(&keys.one_time_kems, &self.kems, self.floors.1)
        {
            return Err(ConnectionError::KeyReused);
        }
        self.keys.signed_prekey = keys.signed_prekey.or(self.keys.signed_prekey.take());
        self.keys.last_resort_kem = keys.last_resort_kem.or(self.keys.last_resort_kem.take());
        add(
            keys.one_time_prekeys,
            &mut self.one_time,
            &mut self.floors.0,
        );
        add(keys.one_time_kems, &mut self.kems, &mut self.floors.1);
        Ok(())
    }
}

/// Takes what is above the floor and pushes out the oldest.
fn add(keys: Vec<KeyRecord>, held: &mut VecDeque<KeyRecord>, floor: &mut u32) {
    for key in keys {
        if key.id > *floor {
            *floor = key.id;
            held.push_back(key);
        }
    }
    while held.len() > 100 {
        held.pop_front();
    }
}

fn verify(key: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) {
    let key = VerifyingKey::from_bytes(key).expect("a key");
    let signature = Signature::from_bytes(signature);
    key.verify_strict(bytes, &signature)
        .expect("statements verify");
}

//! What the model relay keeps of one device: mail, keys, claims. The rules are those of
//! docs/RELAY-PROTOCOL.md: a key goes to one claim, ids only rise, a message is in at most once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::{Deref, DerefMut};

use pawl_wire::limits::{LOW_ONE_TIME_KEYS, MAX_ONE_TIME_KEYS};
use pawl_wire::{
    Bundle, ClaimId, KeyDigests, KeyRecord, KeyStock, MessageId, PublishedKeys, SigningKeyBytes,
    digest,
};

/// One waiting message.
#[derive(Clone)]
pub struct Letter {
    /// Its number in the mailbox.
    pub seq: u64,
    /// The sender's id of it.
    pub message_id: MessageId,
    /// What is delivered.
    pub envelope: Vec<u8>,
}

/// One-time keys of one kind, lowest ids first: a queue that a test may change.
#[derive(Clone, Default)]
pub struct Stock {
    keys: VecDeque<KeyRecord>,
    /// Of the keys, unless they were changed from outside.
    digest: Option<u64>,
    /// The highest id that ever came.
    floor: u32,
}

impl Deref for Stock {
    type Target = VecDeque<KeyRecord>;

    fn deref(&self) -> &VecDeque<KeyRecord> {
        &self.keys
    }
}

impl DerefMut for Stock {
    fn deref_mut(&mut self) -> &mut VecDeque<KeyRecord> {
        self.digest = None;
        &mut self.keys
    }
}

impl Stock {
    fn count(&self) -> u32 {
        u32::try_from(self.keys.len()).unwrap_or(u32::MAX)
    }

    fn digest(&mut self) -> u64 {
        let keys = &self.keys;
        *self.digest.get_or_insert_with(|| digest::of_keys(keys))
    }

    fn take(&mut self, keeps: bool) -> Option<KeyRecord> {
        if keeps {
            return self.keys.front().cloned();
        }
        let key = self.keys.pop_front()?;
        self.digest = self.digest.map(|digest| digest ^ digest::of_key(&key));
        Some(key)
    }

    fn add(&mut self, keys: &[KeyRecord]) {
        if keys.is_empty() {
            return;
        }
        for key in keys {
            if key.id > self.floor {
                self.floor = key.id;
                self.keys.push_back(key.clone());
            }
        }
        let surplus = self.keys.len().saturating_sub(MAX_ONE_TIME_KEYS);
        self.keys.drain(..surplus);
        self.digest = None;
    }
}

/// What is kept of one device.
#[derive(Clone)]
pub struct Mailbox {
    /// What its statements are verified with.
    pub signing_key: SigningKeyBytes,
    /// Its signed and its last-resort prekey; no one-time keys.
    pub keys: PublishedKeys,
    /// X25519.
    pub one_time: Stock,
    /// ML-KEM.
    pub kems: Stock,
    /// What each claim got.
    pub claims: BTreeMap<ClaimId, Bundle>,
    /// What waits, lowest numbers first.
    pub mail: VecDeque<Letter>,
    /// Ids of all that ever came: their senders may come again.
    seen: BTreeSet<MessageId>,
    /// The last number that was given.
    pub seq: u64,
}

impl Mailbox {
    /// Nothing where a new device's keys are not complete.
    #[must_use]
    pub fn new(signing_key: SigningKeyBytes, keys: &PublishedKeys) -> Option<Self> {
        let mut mailbox = Self::without_keys(signing_key);
        let is_complete = keys.signed_prekey.is_some() && keys.last_resort_kem.is_some();
        (is_complete && mailbox.publish(keys)).then_some(mailbox)
    }

    /// Of somebody whom nobody begins a session with.
    #[must_use]
    pub fn without_keys(signing_key: SigningKeyBytes) -> Self {
        Self {
            signing_key,
            keys: PublishedKeys::default(),
            one_time: Stock::default(),
            kems: Stock::default(),
            claims: BTreeMap::new(),
            mail: VecDeque::new(),
            seen: BTreeSet::new(),
            seq: 0,
        }
    }

    pub(super) fn knows(&self, message_id: MessageId) -> bool {
        self.seen.contains(&message_id)
    }

    /// A message gets the next number.
    pub fn store(&mut self, message_id: MessageId, envelope: Vec<u8>) {
        self.seq += 1;
        self.seen.insert(message_id);
        self.mail.push_back(Letter {
            seq: self.seq,
            message_id,
            envelope,
        });
    }

    pub(super) fn acknowledge(&mut self, through: u64) {
        let waits = |letter: &&Letter| letter.seq <= through;
        while self.mail.front().filter(waits).is_some() {
            self.mail.pop_front();
        }
    }

    /// The device says what it has on disk. Where that is ahead, numbers go on from there.
    pub(super) fn open(&mut self, last_seq: u64) {
        if last_seq <= self.seq {
            return self.acknowledge(last_seq);
        }
        for letter in &mut self.mail {
            letter.seq += last_seq;
        }
        self.seq += last_seq;
    }

    /// One claim's keys, the same each time. `keeps`: a relay that gives a key out twice. None of a
    /// device without keys.
    pub(super) fn claim(
        &mut self,
        claim: ClaimId,
        record: &[u8],
        stingy: bool,
        keeps: bool,
    ) -> Option<Bundle> {
        if let Some(bundle) = self.claims.get(&claim) {
            return Some(bundle.clone());
        }
        let signed_prekey = self.keys.signed_prekey.clone()?;
        let last_resort = self.keys.last_resort_kem.clone()?;
        let kem = (!stingy).then(|| self.kems.take(keeps)).flatten();
        let bundle = Bundle {
            account_record: record.to_vec(),
            signed_prekey,
            kem_prekey: kem.unwrap_or(last_resort),
            one_time_prekey: (!stingy).then(|| self.one_time.take(keeps)).flatten(),
        };
        self.claims.insert(claim, bundle.clone());
        Some(bundle)
    }

    pub(super) fn is_low(&self) -> bool {
        let mut kinds = [&self.one_time, &self.kems].into_iter();
        kinds.any(|stock| stock.len() < LOW_ONE_TIME_KEYS)
    }

    /// All the keys that it has.
    #[must_use]
    pub fn held(&self) -> PublishedKeys {
        PublishedKeys {
            one_time_prekeys: self.one_time.iter().cloned().collect(),
            one_time_kems: self.kems.iter().cloned().collect(),
            ..self.keys.clone()
        }
    }

    /// What the relay says that it has.
    pub fn stock(&mut self) -> KeyStock {
        let of_key = |key: &Option<KeyRecord>| key.as_ref().map_or(0, digest::of_key);
        let id = |key: &Option<KeyRecord>| key.as_ref().map_or(0, |key| key.id);
        let (signed, last_resort) = (&self.keys.signed_prekey, &self.keys.last_resort_kem);
        KeyStock {
            signed_prekey: id(signed),
            last_resort_kem: id(last_resort),
            one_time_prekeys: self.one_time.count(),
            one_time_kems: self.kems.count(),
            digests: KeyDigests {
                signed_prekey: of_key(signed),
                last_resort_kem: of_key(last_resort),
                one_time_prekeys: self.one_time.digest(),
                one_time_kems: self.kems.digest(),
            },
        }
    }

    /// False where an id is used, with another key: then nothing has changed.
    pub(super) fn publish(&mut self, keys: &PublishedKeys) -> bool {
        let is_fresh = |new: &Option<KeyRecord>, held: &Option<KeyRecord>| match (new, held) {
            (Some(new), Some(held)) => new.id > held.id || new == held,
            _ => true,
        };
        let claimed = |key: &KeyRecord| {
            let mut claims = self.claims.values();
            claims.any(|bundle| bundle.one_time_prekey.as_ref() == Some(key))
        };
        let claimed_kem = |key: &KeyRecord| {
            let mut claims = self.claims.values();
            claims.any(|bundle| bundle.kem_prekey == *key)
        };
        let is_known = |stock: &Stock, key: &KeyRecord| key.id > stock.floor || stock.contains(key);
        let prekeys = |key: &KeyRecord| is_known(&self.one_time, key) || claimed(key);
        let kems = |key: &KeyRecord| is_known(&self.kems, key) || claimed_kem(key);
        if !is_fresh(&keys.signed_prekey, &self.keys.signed_prekey)
            || !is_fresh(&keys.last_resort_kem, &self.keys.last_resort_kem)
            || !keys.one_time_prekeys.iter().all(prekeys)
            || !keys.one_time_kems.iter().all(kems)
        {
            return false;
        }
        if keys.signed_prekey.is_some() {
            self.keys.signed_prekey.clone_from(&keys.signed_prekey);
        }
        if keys.last_resort_kem.is_some() {
            self.keys.last_resort_kem.clone_from(&keys.last_resort_kem);
        }
        self.one_time.add(&keys.one_time_prekeys);
        self.kems.add(&keys.one_time_kems);
        true
    }

    pub(super) fn drop_one_time_keys(&mut self) {
        self.one_time.clear();
        self.kems.clear();
    }

    pub(super) fn restore(&mut self) {
        self.drop_one_time_keys();
        self.mail.clear();
        self.seen.clear();
        self.claims.clear();
        self.seq = 0;
    }
}

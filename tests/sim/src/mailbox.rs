//! What the model relay keeps of one device: mail, keys, claims. The rules are those of the relay's own store
//! (server/src/store): a key goes to one claim, ids only rise, a message is in at most once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pawl_wire::limits::{LOW_ONE_TIME_KEYS, MAX_ONE_TIME_KEYS};
use pawl_wire::{
    Bundle, ClaimId, KeyDigests, KeyRecord, KeyStock, MessageId, PublishedKeys, SigningKeyBytes,
    digest,
};

/// One waiting message.
#[derive(Clone)]
pub(crate) struct Letter {
    pub(crate) seq: u64,
    pub(crate) message_id: MessageId,
    pub(crate) envelope: Vec<u8>,
}

/// One-time keys of one kind, with what is kept beside them.
#[derive(Clone, Default)]
pub(crate) struct Stock {
    pub(crate) keys: VecDeque<KeyRecord>,
    digest: u64,
    floor: u32,
}

#[derive(Clone)]
pub(crate) struct Mailbox {
    pub(crate) signing_key: SigningKeyBytes,
    pub(crate) signed_prekey: KeyRecord,
    pub(crate) last_resort: KeyRecord,
    /// X25519, ML-KEM.
    pub(crate) one_time: [Stock; 2],
    pub(crate) claims: BTreeMap<ClaimId, Bundle>,
    pub(crate) mail: VecDeque<Letter>,
    /// Acknowledged ones: their senders may come again.
    delivered: BTreeSet<MessageId>,
    pub(crate) seq: u64,
}

impl Stock {
    fn count(&self) -> u32 {
        u32::try_from(self.keys.len()).unwrap_or(u32::MAX)
    }

    fn take(&mut self, keeps: bool) -> Option<KeyRecord> {
        let key = match keeps {
            true => self.keys.front().cloned(),
            false => self.keys.pop_front(),
        }?;
        if !keeps {
            self.digest ^= digest::of_key(&key);
        }
        Some(key)
    }

    fn add(&mut self, keys: &[KeyRecord]) {
        for key in keys.iter().filter(|key| key.id > self.floor) {
            self.keys.push_back(key.clone());
        }
        self.floor = keys.last().map_or(self.floor, |key| self.floor.max(key.id));
        let surplus = self.keys.len().saturating_sub(MAX_ONE_TIME_KEYS);
        self.keys.drain(..surplus);
        self.digest = digest::of_keys(&self.keys);
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.digest = 0;
    }
}

impl Mailbox {
    /// Nothing where a new device's keys are not complete.
    pub(crate) fn new(signing_key: SigningKeyBytes, keys: &PublishedKeys) -> Option<Self> {
        let mut mailbox = Self {
            signing_key,
            signed_prekey: keys.signed_prekey.clone()?,
            last_resort: keys.last_resort_kem.clone()?,
            one_time: Default::default(),
            claims: BTreeMap::new(),
            mail: VecDeque::new(),
            delivered: BTreeSet::new(),
            seq: 0,
        };
        mailbox.publish(keys).then_some(mailbox)
    }

    pub(crate) fn knows(&self, message_id: MessageId) -> bool {
        let mut waiting = self.mail.iter();
        self.delivered.contains(&message_id) || waiting.any(|it| it.message_id == message_id)
    }

    pub(crate) fn store(&mut self, message_id: MessageId, envelope: Vec<u8>) {
        self.seq += 1;
        let seq = self.seq;
        self.mail.push_back(Letter {
            seq,
            message_id,
            envelope,
        });
    }

    pub(crate) fn acknowledge(&mut self, through: u64) {
        while let Some(letter) = self.mail.front().filter(|it| it.seq <= through) {
            self.delivered.insert(letter.message_id);
            self.mail.pop_front();
        }
    }

    /// The device says what it has on disk. Where that is ahead, numbers go on from there.
    pub(crate) fn open(&mut self, last_seq: u64) {
        if last_seq <= self.seq {
            return self.acknowledge(last_seq);
        }
        for letter in &mut self.mail {
            letter.seq += last_seq;
        }
        self.seq += last_seq;
    }

    /// One claim's keys, the same each time. `keeps`: a relay that gives a key out twice.
    pub(crate) fn claim(
        &mut self,
        claim: ClaimId,
        record: &[u8],
        stingy: bool,
        keeps: bool,
    ) -> Bundle {
        if let Some(bundle) = self.claims.get(&claim) {
            return bundle.clone();
        }
        let [prekeys, kems] = &mut self.one_time;
        let kem = (!stingy).then(|| kems.take(keeps)).flatten();
        let bundle = Bundle {
            account_record: record.to_vec(),
            signed_prekey: self.signed_prekey.clone(),
            kem_prekey: kem.unwrap_or_else(|| self.last_resort.clone()),
            one_time_prekey: (!stingy).then(|| prekeys.take(keeps)).flatten(),
        };
        self.claims.insert(claim, bundle.clone());
        bundle
    }

    pub(crate) fn is_low(&self) -> bool {
        let mut kinds = self.one_time.iter();
        kinds.any(|stock| stock.keys.len() < LOW_ONE_TIME_KEYS)
    }

    pub(crate) fn stock(&self) -> KeyStock {
        let [prekeys, kems] = &self.one_time;
        KeyStock {
            signed_prekey: self.signed_prekey.id,
            last_resort_kem: self.last_resort.id,
            one_time_prekeys: prekeys.count(),
            one_time_kems: kems.count(),
            digests: KeyDigests {
                signed_prekey: digest::of_key(&self.signed_prekey),
                last_resort_kem: digest::of_key(&self.last_resort),
                one_time_prekeys: prekeys.digest,
                one_time_kems: kems.digest,
            },
        }
    }

    /// False where an id is used, with another key: then nothing has changed.
    pub(crate) fn publish(&mut self, keys: &PublishedKeys) -> bool {
        let is_fresh = |new: &Option<KeyRecord>, held: &KeyRecord| {
            new.as_ref()
                .is_none_or(|new| new.id > held.id || new == held)
        };
        let one_time = [&keys.one_time_prekeys, &keys.one_time_kems];
        let may_add = |kind: usize| {
            let mut used = one_time[kind].iter();
            used.all(|key| key.id > self.one_time[kind].floor || self.is_same(kind, key))
        };
        if !is_fresh(&keys.signed_prekey, &self.signed_prekey)
            || !is_fresh(&keys.last_resort_kem, &self.last_resort)
            || !may_add(0)
            || !may_add(1)
        {
            return false;
        }
        if let Some(key) = &keys.signed_prekey {
            self.signed_prekey.clone_from(key);
        }
        if let Some(key) = &keys.last_resort_kem {
            self.last_resort.clone_from(key);
        }
        for (stock, keys) in self.one_time.iter_mut().zip(one_time) {
            if !keys.is_empty() {
                stock.add(keys);
            }
        }
        true
    }

    /// Whether this very key is held, or was given out under its id.
    fn is_same(&self, kind: usize, key: &KeyRecord) -> bool {
        let claimed = |bundle: &Bundle| match kind {
            0 => bundle.one_time_prekey.as_ref() == Some(key),
            _ => bundle.kem_prekey == *key,
        };
        self.one_time[kind].keys.contains(key) || self.claims.values().any(claimed)
    }

    /// As after a restore that says so.
    pub(crate) fn drop_one_time_keys(&mut self) {
        self.one_time.iter_mut().for_each(Stock::clear);
    }
}

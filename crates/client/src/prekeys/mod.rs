//! The private halves of this device's prekeys, and which of them are current. Publishing them is
//! `prekeys/publishing.rs`; using them is `engine/flows/opening.rs`. A private half is on disk before its public half leaves,
//! and a one-time one is erased in the step that opens the message that used it (docs/PROTOCOL.md).

mod making;
pub(crate) mod publishing;
mod stock;

use pawl_protocol::{
    InitialMessage, KemKind, KemPreKeyPair, OneTimePreKeyPair, SecretBytes, SignedPreKeyPair,
};
use pawl_wire::KeyRecord;
use prost::Message;
use zeroize::Zeroizing;

use crate::directory::requests::REQUEST;
use crate::directory::strangers::WAITING;
use crate::limits::{
    CROWDED_FINGERPRINTS, MAX_FINGERPRINTS, MAX_FINGERPRINTS_PER_ACCOUNT,
    MAX_STRANGER_FINGERPRINTS, OLD_PREKEY_LIFETIME, PREKEY_ROTATION,
};
use crate::numbers::Millis;
use crate::storage::records::{self, Record, RecordError};
use crate::storage::room::Room;
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{RecordKey, Tracked};

/// First byte of a fingerprint's key, after the four kinds of prekeys.
const FINGERPRINT: u8 = 4;

/// The kinds of prekeys. Numbers stand in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    Signed = 0,
    LastResort = 1,
    OneTime = 2,
    OneTimeKem = 3,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [
        Self::Signed,
        Self::LastResort,
        Self::OneTime,
        Self::OneTimeKem,
    ];
}

/// Names a prekey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PrekeyId(pub(crate) Kind, pub(crate) u32);

impl RecordKey for PrekeyId {
    fn to_key(self) -> Key {
        let id = self.1.to_be_bytes();
        Key(vec![self.0 as u8, id[0], id[1], id[2], id[3]])
    }

    fn from_key(key: &Key) -> Option<Self> {
        let (kind, id) = key.0.split_first()?;
        let kind = *Kind::ALL.get(usize::from(*kind))?;
        Some(Self(kind, u32::from_be_bytes(id.try_into().ok()?)))
    }
}

/// A private prekey in its stored form: expanding a KEM key costs as much as making one, so that is
/// done when it is used.
pub(crate) struct Prekey {
    made_at: Millis,
    secret: Zeroizing<Vec<u8>>,
    /// Of the public half; of one-time keys only.
    digest: u64,
    /// When a one-time key was first known to be no more with the relay; 0 while it may be there.
    gone_at: Millis,
}

/// A handshake without any one-time key, which could be replayed for as long as its prekeys live.
pub(crate) struct Fingerprint {
    signed_prekey: u32,
    last_resort: u32,
    /// Who began it.
    account: [u8; 32],
    /// The person of this device had written to them.
    is_known: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FingerprintId([u8; 32]);

impl RecordKey for FingerprintId {
    fn to_key(self) -> Key {
        Key([&[FINGERPRINT], self.0.as_slice()].concat())
    }

    fn from_key(key: &Key) -> Option<Self> {
        let base = key.0.strip_prefix(&[FINGERPRINT])?;
        records::fixed(base).ok().map(Self)
    }
}

#[derive(Message)]
#[prost(skip_debug)]
struct PrekeyRecord {
    #[prost(uint64, tag = "1")]
    made_at: u64,
    #[prost(bytes = "vec", tag = "2")]
    secret: Vec<u8>,
    #[prost(fixed64, tag = "3")]
    digest: u64,
    #[prost(uint64, tag = "4")]
    gone_at: u64,
}

#[derive(Clone, PartialEq, Message)]
struct FingerprintRecord {
    #[prost(uint32, tag = "1")]
    signed_prekey: u32,
    #[prost(uint32, tag = "2")]
    last_resort: u32,
    #[prost(bytes = "vec", tag = "3")]
    account: Vec<u8>,
    #[prost(bool, tag = "4")]
    is_known: bool,
}

records::wiped!(PrekeyRecord: secret);

impl Record for Prekey {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&PrekeyRecord {
            made_at: self.made_at.0,
            secret: self.secret.to_vec(),
            digest: self.digest,
            gone_at: self.gone_at.0,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut record: PrekeyRecord = records::read(bytes)?;
        Ok(Self {
            made_at: Millis(record.made_at),
            secret: std::mem::take(&mut record.secret).into(),
            digest: record.digest,
            gone_at: Millis(record.gone_at),
        })
    }
}

impl Record for Fingerprint {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&FingerprintRecord {
            signed_prekey: self.signed_prekey,
            last_resort: self.last_resort,
            account: self.account.to_vec(),
            is_known: self.is_known,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: FingerprintRecord = records::read(bytes)?;
        Ok(Self {
            signed_prekey: record.signed_prekey,
            last_resort: record.last_resort,
            account: records::fixed_or_none(&record.account)?.unwrap_or_default(),
            is_known: record.is_known,
        })
    }
}

/// The prekeys that an initial message names.
pub(crate) struct Named {
    pub(crate) signed: SignedPreKeyPair,
    pub(crate) kem: KemPreKeyPair,
    pub(crate) one_time: Option<OneTimePreKeyPair>,
}

/// Whether a handshake may be accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Granted,
    /// It was accepted before.
    Replayed,
    /// There is no room to remember another one of this account, which has some already.
    Full,
    /// There is no room to remember one of another stranger.
    Crowded,
}

/// All private prekeys of this device.
pub(crate) struct Prekeys {
    keys: Tracked<PrekeyId, Prekey>,
    fingerprints: Tracked<FingerprintId, Fingerprint>,
}

impl Prekeys {
    pub(crate) fn new() -> Self {
        Self {
            keys: Tracked::new(Table::Prekeys),
            fingerprints: Tracked::new(Table::Prekeys),
        }
    }

    fn insert(&mut self, id: PrekeyId, secret: &SecretBytes, digest: u64, now: Millis) {
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        self.keys.insert(
            id,
            Prekey {
                made_at: now,
                secret,
                digest,
                gone_at: Millis::ZERO,
            },
        );
        if matches!(id.0, Kind::OneTime | Kind::OneTimeKem) {
            self.drop_surplus(id.0);
        }
    }

    /// The newest prekey of a kind, and when it was made.
    pub(crate) fn newest(&self, kind: Kind) -> Option<(PrekeyId, Millis)> {
        self.keys
            .iter()
            .rfind(|(id, _)| id.0 == kind)
            .map(|(id, prekey)| (id, prekey.made_at))
    }

    /// The public half of a prekey. It costs as much as making one.
    pub(crate) fn public(&self, id: PrekeyId) -> Option<KeyRecord> {
        let secret = &self.keys.get(id)?.secret;
        let record = match id.0 {
            Kind::Signed => SignedPreKeyPair::from_bytes(secret)
                .ok()?
                .public()
                .encode()
                .to_vec(),
            Kind::LastResort | Kind::OneTimeKem => {
                KemPreKeyPair::from_bytes(secret).ok()?.public().encode()
            }
            Kind::OneTime => OneTimePreKeyPair::from_bytes(secret)
                .ok()?
                .public()
                .encode()
                .to_vec(),
        };
        Some(KeyRecord { id: id.1, record })
    }

    /// The private prekeys that an initial message names, where this device still has all of them.
    pub(crate) fn named_by(&self, initial: &InitialMessage<'_>) -> Option<Named> {
        let secret = |id| self.keys.get(id).map(|prekey| &prekey.secret);
        let signed = secret(PrekeyId(Kind::Signed, initial.signed_prekey_id()))?;
        let kem = secret(kem_id(initial))?;
        let one_time = match initial.one_time_prekey_id() {
            Some(id) => {
                let secret = secret(PrekeyId(Kind::OneTime, id))?;
                Some(OneTimePreKeyPair::from_bytes(secret).ok()?)
            }
            None => None,
        };
        Some(Named {
            signed: SignedPreKeyPair::from_bytes(signed).ok()?,
            kem: KemPreKeyPair::from_bytes(kem).ok()?,
            one_time,
        })
    }

    /// Whether a handshake may be accepted: one that used no one-time key is taken once, and not at
    /// all while there is no room to remember it. `is_known`: the person has written to that account.
    pub(crate) fn admission(&self, initial: &InitialMessage<'_>, is_known: bool) -> Admission {
        if is_one_time(initial) {
            return Admission::Granted;
        }
        let fingerprint = FingerprintId(*initial.base_key().as_bytes());
        if self.fingerprints.get(fingerprint).is_some() {
            return Admission::Replayed;
        }
        let account = claimed_account(initial);
        let all = || self.fingerprints.iter().map(|(_, it)| it);
        let of_account = all().filter(|it| it.account == account).count();
        let of_strangers = all().filter(|it| !it.is_known).count();
        let is_crowded = !is_known && of_strangers >= MAX_STRANGER_FINGERPRINTS / 2;
        let most = match is_crowded {
            true => CROWDED_FINGERPRINTS,
            false => MAX_FINGERPRINTS_PER_ACCOUNT,
        };
        let has_room = self.fingerprints.len() < MAX_FINGERPRINTS
            && (is_known || of_strangers < MAX_STRANGER_FINGERPRINTS);
        match (of_account, has_room) {
            (0, false) if !is_known => Admission::Crowded,
            (_, true) if of_account < most => Admission::Granted,
            _ => Admission::Full,
        }
    }

    /// Erases the one-time keys that an accepted handshake used, or remembers it if there were none.
    pub(crate) fn consume(&mut self, initial: &InitialMessage<'_>, is_known: bool) {
        if let Some(id) = initial.one_time_prekey_id() {
            self.keys.remove(PrekeyId(Kind::OneTime, id));
        }
        if initial.kem_kind() == KemKind::OneTime {
            self.keys.remove(kem_id(initial));
        }
        if !is_one_time(initial) {
            self.fingerprints.insert(
                FingerprintId(*initial.base_key().as_bytes()),
                Fingerprint {
                    signed_prekey: initial.signed_prekey_id(),
                    last_resort: initial.kem_prekey_id(),
                    account: claimed_account(initial),
                    is_known,
                },
            );
        }
    }

    /// Takes keys that were dated by a clock that was ahead for ones made now; `later` is the latest time
    /// that the clock has said of late.
    pub(crate) fn date_back(&mut self, later: Millis, now: Millis) {
        self.keys.sweep(|prekey| {
            let is_ahead = prekey.made_at.max(prekey.gone_at) > later;
            if is_ahead {
                prekey.made_at = prekey.made_at.min(now);
                prekey.gone_at = prekey.gone_at.min(now);
            }
            is_ahead
        });
    }

    /// Erases everything: the account they were for was never accepted.
    pub(crate) fn clear(&mut self) {
        let all: Vec<_> = self.keys.keys().collect();
        for id in all {
            self.keys.remove(id);
        }
    }
}

/// Whether a signed or last-resort prekey is old enough to be replaced.
pub(crate) fn is_due(made_at: Millis, now: Millis) -> bool {
    now.since(made_at) > PREKEY_ROTATION
}

fn kem_kind(kind: Kind) -> KemKind {
    if kind == Kind::LastResort {
        KemKind::LastResort
    } else {
        KemKind::OneTime
    }
}

fn kem_id(initial: &InitialMessage<'_>) -> PrekeyId {
    let kind = match initial.kem_kind() {
        KemKind::OneTime => Kind::OneTimeKem,
        KemKind::LastResort => Kind::LastResort,
    };
    PrekeyId(kind, initial.kem_prekey_id())
}

/// Who says to have begun a handshake; it is so where the handshake is accepted.
fn claimed_account(initial: &InitialMessage<'_>) -> [u8; 32] {
    let sender = initial.sender();
    sender.map_or([0; 32], |sender| *sender.address().account.as_bytes())
}

/// Whether the handshake used a key that is erased with it, so that it cannot be accepted twice.
fn is_one_time(initial: &InitialMessage<'_>) -> bool {
    initial.one_time_prekey_id().is_some() || initial.kem_kind() == KemKind::OneTime
}

impl Room for Prekeys {
    fn takes(&self, table: Table, key: &Key) -> bool {
        let is_others = matches!(key.0.first(), Some(&WAITING | &REQUEST));
        table == Table::Prekeys && !is_others
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        match PrekeyId::from_key(key) {
            Some(_) => self.keys.load_record(key, value),
            None => self.fingerprints.load_record(key, value),
        }
    }

    fn erase(&mut self, key: &Key) -> bool {
        if let Some(id) = FingerprintId::from_key(key) {
            let never = Fingerprint {
                signed_prekey: u32::MAX,
                last_resort: u32::MAX,
                account: [0; 32],
                is_known: false,
            };
            self.fingerprints.insert(id, never);
            return true;
        }
        self.keys.erase_record(key)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.keys.flush(changes);
        self.fingerprints.flush(changes);
    }

    /// Erases signed and last-resort prekeys whose successor is older than mail can be, and the
    /// fingerprints that only they needed; and one-time prekeys that were given out as long ago.
    fn drop_expired(&mut self, now: Millis) {
        for kind in [Kind::Signed, Kind::LastResort] {
            let all: Vec<_> = self.keys.iter().filter(|(id, _)| id.0 == kind).collect();
            let replaced_at = all.windows(2).map(|pair| (pair[0].0, pair[1].1.made_at));
            let gone: Vec<_> = replaced_at
                .filter(|(_, at)| now.since(*at) > OLD_PREKEY_LIFETIME)
                .map(|(id, _)| id)
                .collect();
            for id in gone {
                self.keys.remove(id);
            }
        }
        self.drop_gone(now);
        let is_possible = |fingerprint: &Fingerprint| {
            let unknown = fingerprint.signed_prekey == u32::MAX;
            unknown
                || (self
                    .keys
                    .get(PrekeyId(Kind::Signed, fingerprint.signed_prekey))
                    .is_some()
                    && self
                        .keys
                        .get(PrekeyId(Kind::LastResort, fingerprint.last_resort))
                        .is_some())
        };
        let gone: Vec<_> = self
            .fingerprints
            .iter()
            .filter(|(_, fingerprint)| !is_possible(fingerprint))
            .map(|(id, _)| id)
            .collect();
        for id in gone {
            self.fingerprints.remove(id);
        }
    }
}

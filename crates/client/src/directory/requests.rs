//! First messages of strangers for whom there is no place now, sealed as they came: no place to remember
//! their handshake, or none in the list of conversations. They wait on disk, where each account has little
//! room, and are opened when there is a place again. Knows nothing of whom to believe (`engine/flows/opening.rs`).

use prost::Message;
use zeroize::Zeroizing;

use crate::limits::{MAIL_LIFETIME, MAX_REQUEST_BYTES, MAX_REQUESTS};
use crate::numbers::Millis;
use crate::storage::records::{self, Record, RecordError};
use crate::storage::room::Room;
use crate::storage::sorted::SortedSet;
use crate::storage::store::{Change, Key, Table};
use crate::storage::tracked::{Numbered, Tracked};

/// First byte of the key in [`Table::Prekeys`], whose private keys these messages need.
pub(crate) const REQUEST: u8 = 6;

/// Rises within what waits.
type RequestId = Numbered<REQUEST>;

pub(crate) struct Request {
    /// Who it says it is from, and a relay lets nobody else say so.
    account: [u8; 32],
    came_at: Millis,
    pub(crate) envelope: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RequestRecord {
    #[prost(bytes = "vec", tag = "1")]
    account: Vec<u8>,
    #[prost(uint64, tag = "2")]
    came_at: u64,
    #[prost(bytes = "vec", tag = "3")]
    envelope: Vec<u8>,
}

impl Record for Request {
    fn encode(&self) -> Zeroizing<Vec<u8>> {
        records::write(&RequestRecord {
            account: self.account.to_vec(),
            came_at: self.came_at.0,
            envelope: self.envelope.clone(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record: RequestRecord = records::read(bytes)?;
        Ok(Self {
            account: records::fixed(&record.account)?,
            came_at: Millis(record.came_at),
            envelope: record.envelope,
        })
    }
}

/// All that wait.
pub(crate) struct Requests(Tracked<RequestId, Request>);

impl Requests {
    pub(crate) fn new() -> Self {
        Self(Tracked::new(Table::Prekeys))
    }

    /// Lets a message wait that says it is from this account; false where there is no room for it.
    pub(crate) fn add(&mut self, account: [u8; 32], envelope: &[u8], now: Millis) -> bool {
        self.keep(Request {
            account,
            came_at: now,
            envelope: envelope.to_vec(),
        })
    }

    /// Hands out what waits of these accounts, in the order in which it came.
    pub(crate) fn take_of(&mut self, is_theirs: impl Fn(&[u8; 32]) -> bool) -> Vec<Request> {
        self.remove_where(|it| is_theirs(&it.account))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// Whether there is room for one more, which then waits.
    pub(crate) fn keep(&mut self, request: Request) -> bool {
        let all = || self.0.iter().map(|(_, it)| it);
        let accounts: SortedSet<_> = all().map(|it| it.account).collect();
        let own = all().filter(|it| it.account == request.account);
        let bytes: usize = own.map(|it| it.envelope.len()).sum();
        let is_one_too_many =
            !accounts.contains(&request.account) && accounts.len() >= MAX_REQUESTS;
        if is_one_too_many || bytes + request.envelope.len() > MAX_REQUEST_BYTES {
            return false;
        }
        let last = self.0.keys().next_back().map_or(0, |last| last.0);
        self.0.insert(Numbered(last + 1), request);
        true
    }

    fn remove_where(&mut self, which: impl Fn(&Request) -> bool) -> Vec<Request> {
        let all = self.0.iter();
        let gone: Vec<_> = all.filter(|(_, it)| which(it)).map(|(n, _)| n).collect();
        gone.into_iter().filter_map(|n| self.0.remove(n)).collect()
    }
}

impl Room for Requests {
    fn takes(&self, table: Table, key: &Key) -> bool {
        table == Table::Prekeys && key.0.first() == Some(&REQUEST)
    }

    fn load(&mut self, key: &Key, value: &[u8]) -> Result<(), RecordError> {
        self.0.load_record(key, value)
    }

    fn erase(&mut self, key: &Key) -> bool {
        self.0.erase_record(key)
    }

    fn flush(&mut self, changes: &mut Vec<Change>) {
        self.0.flush(changes);
    }

    fn drop_expired(&mut self, now: Millis) {
        self.remove_where(|it| now.since(it.came_at) > MAIL_LIFETIME);
    }
}

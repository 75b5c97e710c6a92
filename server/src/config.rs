//! What an operator may set, with the defaults that suit one small machine.
//!
//! docs/OPERATIONS.md repeats every limit with its reason.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use pawl_wire::limits::{
    AUTH_TIMEOUT_MS, IDLE_TIMEOUT_MS, MAIL_LIFETIME_MS, MAX_ENVELOPE, MAX_ONE_TIME_KEYS,
    WORK_TIMEOUT_MS,
};

use pawl_wire::Registration;

use crate::http::assets::{Asset, WEB};
use crate::http::origin::PublicOrigin;
use crate::http::security::SecurityContact;
use crate::limits::network::Network;

/// Everything that a relay is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of its store; made when missing.
    pub data: PathBuf,
    /// The addresses that browsers reach it at, where that is not the Host header it gets.
    pub public_origins: Vec<PublicOrigin>,
    /// Whose word on clients' addresses is believed.
    pub trusted_proxies: Vec<Network>,
    /// Where the metrics are served, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// Whom to tell of faults in security, if anybody.
    pub security_contacts: Vec<SecurityContact>,
    /// Between "not ready" and the goodbyes.
    pub drain_wait: Duration,
    /// Who may register.
    pub registration: Registration,
    /// Bounds on everything.
    pub limits: Limits,
    /// The page's files.
    pub web: &'static [Asset],
}

impl Config {
    /// The defaults for this address and folder.
    #[must_use]
    pub fn new(listen: SocketAddr, data: PathBuf) -> Self {
        Self {
            listen,
            data,
            public_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            metrics: None,
            security_contacts: Vec::new(),
            drain_wait: Duration::ZERO,
            registration: Registration::Open,
            limits: Limits::default(),
            web: WEB,
        }
    }
}

/// Bounds that an operator may move.
#[derive(Clone, Debug)]
pub struct Limits {
    /// WebSockets open at once.
    pub connections: usize,
    /// The same from one network address; 0 for no limit.
    pub connections_per_address: usize,
    /// Bytes of one envelope; clients make none above `MAX_ENVELOPE`.
    pub message_bytes: usize,
    /// Messages that may wait in one mailbox.
    pub mailbox_messages: u64,
    /// Messages of one sender that may wait in the mailbox of somebody who has not acknowledged any of theirs.
    pub stranger_messages: u64,
    /// Bytes of envelopes that may wait in one mailbox.
    pub mailbox_bytes: u64,
    /// Bytes of the store beyond which it takes no mail and no account; without it 80 % of its disk.
    pub store_bytes: Option<u64>,
    /// Bytes of the disk that mail and accounts leave free; without it 256 MiB, or a tenth of a smaller disk.
    pub free_bytes: Option<u64>,
    /// Accounts that there may be; 0 for no limit.
    pub accounts: u64,
    /// New accounts in a day of the relay's own time; 0 for no limit.
    pub accounts_per_day: u64,
    /// How long a message may wait.
    pub mail_lifetime: Duration,
    /// Days after which an account that nobody used is erased, if ever.
    pub account_days: Option<NonZeroU32>,
    /// One-time keys of a kind that are held for a device.
    pub one_time_keys: usize,
    /// Registrations per minute from one network address.
    pub registrations_per_minute: NonZeroU32,
    /// Leading zero bits of the work that a registration has to show; 0 for none, `MAX_WORK_BITS` at most.
    pub proof_of_work: u32,
    /// Look-ups of usernames per minute from one network address.
    pub look_ups_per_minute: NonZeroU32,
    /// Claims of prekey bundles per minute from one network address.
    pub claims_per_minute: NonZeroU32,
    /// The same from one account.
    pub claims_per_account: NonZeroU32,
    /// Claims per hour of one device's bundles from one account.
    pub claims_per_target: NonZeroU32,
    /// Uploads of prekeys per hour from one account.
    pub uploads_per_account: NonZeroU32,
    /// Envelopes per second on one connection.
    pub submits_per_second: NonZeroU32,
    /// How long an unauthenticated connection may stay open.
    pub auth_timeout: Duration,
    /// The same where a registration has to show work, which a slow device needs time for.
    pub work_timeout: Duration,
    /// How long a connection may stay open without a frame from the client.
    pub idle_timeout: Duration,
    /// A peer that takes no byte for so long is dropped by the kernel, whatever is still to be sent.
    pub unsent_timeout: Duration,
    /// How long mail that was delivered at once waits for its acknowledgement before it is written.
    pub live_grace: Duration,
}

/// A number that is not zero, in a constant.
const fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("a limit of zero would refuse everything")
}

impl Limits {
    /// About 14 KB of memory each when idle: 140 MB.
    pub const CONNECTIONS: usize = 10_000;
    /// A school behind one address; twenty such addresses fill a relay.
    pub const CONNECTIONS_PER_ADDRESS: usize = 500;
    /// Weeks of many active conversations. Senders share it (`store/shares.rs`).
    pub const MAILBOX_MESSAGES: u64 = 20_000;
    /// More than anybody writes to somebody who has never been there.
    pub const STRANGER_MESSAGES: u64 = 300;
    /// 500 envelopes of the largest size.
    pub const MAILBOX_BYTES: u64 = 50 * 1024 * 1024;
    /// As long as the keys that can open what waits.
    pub const MAILBOX_DAYS: u32 = 30;
    /// A class of students behind one address; a script gets no further.
    pub const REGISTRATIONS_PER_MINUTE: NonZeroU32 = count(120);
    /// Searching for a few friends, for some hundred people behind one address.
    pub const LOOK_UPS_PER_MINUTE: NonZeroU32 = count(600);
    /// One per new conversation; more would only drain other people's one-time keys.
    pub const CLAIMS_PER_MINUTE: NonZeroU32 = count(300);
    /// Somebody who writes to sixty people for the first time within the minute.
    pub const CLAIMS_PER_ACCOUNT: NonZeroU32 = count(60);
    /// Sessions that are mended, over and over; a fifth of what empties a stock.
    pub const CLAIMS_PER_TARGET: NonZeroU32 = count(20);
    /// Three times what a client makes.
    pub const UPLOADS_PER_ACCOUNT: NonZeroU32 = count(12);
    /// Far above a person and a bot.
    pub const SUBMITS_PER_SECOND: NonZeroU32 = count(2_000);
    /// A line that loses packets sends them again, at longer and longer intervals.
    pub const UNSENT_TIMEOUT: Duration = Duration::from_secs(60);
    /// A round trip of most networks and the device's own commit, and less than a person notices.
    pub const LIVE_GRACE: Duration = Duration::from_millis(50);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Self::CONNECTIONS,
            connections_per_address: Self::CONNECTIONS_PER_ADDRESS,
            message_bytes: MAX_ENVELOPE,
            mailbox_messages: Self::MAILBOX_MESSAGES,
            stranger_messages: Self::STRANGER_MESSAGES,
            mailbox_bytes: Self::MAILBOX_BYTES,
            store_bytes: None,
            free_bytes: None,
            accounts: 0,
            accounts_per_day: 0,
            mail_lifetime: Duration::from_millis(MAIL_LIFETIME_MS),
            account_days: None,
            one_time_keys: MAX_ONE_TIME_KEYS,
            registrations_per_minute: Self::REGISTRATIONS_PER_MINUTE,
            proof_of_work: 0,
            look_ups_per_minute: Self::LOOK_UPS_PER_MINUTE,
            claims_per_minute: Self::CLAIMS_PER_MINUTE,
            claims_per_account: Self::CLAIMS_PER_ACCOUNT,
            claims_per_target: Self::CLAIMS_PER_TARGET,
            uploads_per_account: Self::UPLOADS_PER_ACCOUNT,
            submits_per_second: Self::SUBMITS_PER_SECOND,
            auth_timeout: Duration::from_millis(AUTH_TIMEOUT_MS),
            work_timeout: Duration::from_millis(WORK_TIMEOUT_MS),
            idle_timeout: Duration::from_millis(IDLE_TIMEOUT_MS),
            unsent_timeout: Self::UNSENT_TIMEOUT,
            live_grace: Self::LIVE_GRACE,
        }
    }
}

//! What an operator may set about serving: one field for each flag, variable and key of the file.
//!
//! Owns names, defaults and the words of `--help`; docs/OPERATIONS.md repeats them and a test compares.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use pawl_wire::Registration;
use pawl_wire::limits::{MAX_ENVELOPE, MAX_ONE_TIME_KEYS, MAX_WORK_BITS};
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Config, Limits};
use crate::http::origin::PublicOrigin;
use crate::http::security::SecurityContact;
use crate::limits::network::Network;

const LIMITS: &str = "Limits";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A mailbox of nothing would refuse everything, and a text has to fit.
const LEAST_MESSAGE: u64 = 4 * 1_024;

/// A tebibyte: more than a mailbox can be meant to hold.
const MOST_BYTES: u64 = 1 << 40;

/// A pebibyte: more than a disk has.
const MOST_DISK: u64 = 1 << 50;

/// Clients fill up below 25 keys, fifty at a time.
const LEAST_KEYS: u64 = 50;

#[derive(clap::Args, Debug)]
pub(super) struct Flags {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "PAWL_LISTEN", value_name = "ADDRESS", value_parser = address, default_value = "127.0.0.1:8080")]
    pub(super) listen: SocketAddr,
    /// Where browsers reach this relay when a proxy stands in front, for example https://chat.example.org; may be repeated
    #[arg(
        long,
        env = "PAWL_PUBLIC_ORIGIN",
        value_name = "ORIGIN",
        value_parser = |text: &str| text.trim().parse::<PublicOrigin>(),
        value_delimiter = ','
    )]
    pub(super) public_origin: Vec<PublicOrigin>,
    /// Network of a proxy whose X-Forwarded-For is believed, for example 127.0.0.1; may be repeated
    #[arg(
        long,
        env = "PAWL_TRUSTED_PROXY",
        value_name = "NETWORK",
        value_parser = |text: &str| text.trim().parse::<Network>(),
        value_delimiter = ','
    )]
    trusted_proxy: Vec<Network>,
    /// Address and port of /metrics for Prometheus, on this machine only; without it there are none
    #[arg(long, env = "PAWL_METRICS", value_name = "ADDRESS", value_parser = loopback)]
    metrics: Option<SocketAddr>,
    /// Whom to tell of faults in security (/.well-known/security.txt): mailto: or https:; may be repeated
    #[arg(
        long,
        env = "PAWL_SECURITY_CONTACT",
        value_name = "ADDRESS",
        value_parser = |text: &str| text.trim().parse::<SecurityContact>(),
        value_delimiter = ','
    )]
    security_contact: Vec<SecurityContact>,
    /// Seconds between "not ready" and the goodbyes when the relay goes down, for a load balancer to notice
    #[arg(long, env = "PAWL_DRAIN_SECONDS", value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(0..=600), default_value_t = 0)]
    drain_seconds: u64,
    /// Who may register: open, invite (whoever has a code of `pawl-server invite create`) or closed
    #[arg(long, env = "PAWL_REGISTRATION", value_name = "WHO", value_parser = one_of(&["open", "invite", "closed"]).try_map(|text| registration(&text)), default_value = "open")]
    pub(super) registration: Registration,
    /// How much the log says
    #[arg(long, env = "PAWL_LOG", value_name = "LEVEL", value_parser = one_of(&["off", "error", "warn", "info", "debug"]).try_map(|text| level(&text)), default_value = "info")]
    pub(super) log: LevelFilter,
    /// WebSockets open at once
    #[arg(long, env = "PAWL_CONNECTIONS", value_name = "NUMBER", help_heading = LIMITS, value_parser = from_one(), default_value_t = Limits::CONNECTIONS as u64)]
    connections: u64,
    /// WebSockets open at once from one network address; 0 for no limit
    #[arg(long, env = "PAWL_CONNECTIONS_PER_ADDRESS", value_name = "NUMBER", help_heading = LIMITS, value_parser = clap::value_parser!(u64).range(0..=u64::from(u32::MAX)), default_value_t = Limits::CONNECTIONS_PER_ADDRESS as u64)]
    connections_per_address: u64,
    /// Largest envelope in bytes; clients make none above 98304
    #[arg(long, env = "PAWL_MESSAGE_BYTES", value_name = "NUMBER", help_heading = LIMITS, value_parser = clap::value_parser!(u64).range(LEAST_MESSAGE..=MAX_ENVELOPE as u64), default_value_t = MAX_ENVELOPE as u64)]
    message_bytes: u64,
    /// Messages that may wait in one mailbox
    #[arg(long, env = "PAWL_MAILBOX_MESSAGES", value_name = "NUMBER", help_heading = LIMITS, value_parser = from_one(), default_value_t = Limits::MAILBOX_MESSAGES)]
    mailbox_messages: u64,
    /// Messages of one sender that may wait for somebody who has not acknowledged any of theirs
    #[arg(long, env = "PAWL_STRANGER_MESSAGES", value_name = "NUMBER", help_heading = LIMITS, value_parser = from_one(), default_value_t = Limits::STRANGER_MESSAGES)]
    stranger_messages: u64,
    /// Bytes that may wait in one mailbox
    #[arg(long, env = "PAWL_MAILBOX_BYTES", value_name = "NUMBER", help_heading = LIMITS, value_parser = clap::value_parser!(u64).range(MAX_ENVELOPE as u64..=MOST_BYTES), default_value_t = Limits::MAILBOX_BYTES)]
    mailbox_bytes: u64,
    /// Bytes of the store beyond which it takes no mail and no new account; without it 80 % of its disk
    #[arg(long, env = "PAWL_STORE_BYTES", value_name = "NUMBER", help_heading = LIMITS, value_parser = clap::value_parser!(u64).range(1..=MOST_DISK))]
    store_bytes: Option<u64>,
    /// Bytes of the disk that mail and new accounts leave free; without it 256 MiB, or a tenth of a smaller disk
    #[arg(long, env = "PAWL_FREE_BYTES", value_name = "NUMBER", help_heading = LIMITS, value_parser = clap::value_parser!(u64).range(0..=MOST_DISK))]
    free_bytes: Option<u64>,
    /// Accounts that there may be in all, whoever lets them in; 0 for no limit
    #[arg(long, env = "PAWL_ACCOUNTS", value_name = "NUMBER", help_heading = LIMITS, value_parser = clap::value_parser!(u64).range(0..=u64::from(u32::MAX)), default_value_t = 0)]
    accounts: u64,
    /// New accounts in a day; 0 for no limit
    #[arg(long, env = "PAWL_ACCOUNTS_PER_DAY", value_name = "NUMBER", help_heading = LIMITS, value_parser = clap::value_parser!(u64).range(0..=u64::from(u32::MAX)), default_value_t = 0)]
    accounts_per_day: u64,
    /// Days that a message may wait; the keys that open it are kept 30
    #[arg(long, env = "PAWL_MAILBOX_DAYS", value_name = "NUMBER", help_heading = LIMITS, value_parser = clap::value_parser!(u32).range(1..=30), default_value_t = Limits::MAILBOX_DAYS)]
    mailbox_days: u32,
    /// Days after which an account that nobody used is erased, 30 at least; 0 for never
    #[arg(long, env = "PAWL_ACCOUNT_DAYS", value_name = "NUMBER", help_heading = LIMITS, value_parser = account_days, default_value = "0")]
    account_days: AccountDays,
    /// One-time keys of a kind that are held for a device
    #[arg(long, env = "PAWL_ONE_TIME_KEYS", value_name = "NUMBER", help_heading = LIMITS, value_parser = clap::value_parser!(u64).range(LEAST_KEYS..=MAX_ONE_TIME_KEYS as u64), default_value_t = MAX_ONE_TIME_KEYS as u64)]
    one_time_keys: u64,
    /// Registrations per minute from one network address
    #[arg(long, env = "PAWL_REGISTRATIONS_PER_MINUTE", value_name = "NUMBER", help_heading = LIMITS, value_parser = rate, default_value_t = Limits::REGISTRATIONS_PER_MINUTE)]
    registrations_per_minute: NonZeroU32,
    /// Bits of work that a registration has to show, up to 24, each twice as much; 0 for none. 20 are a fifth of a second in a page, two on a slow telephone
    #[arg(long, env = "PAWL_PROOF_OF_WORK", value_name = "BITS", help_heading = LIMITS, value_parser = clap::value_parser!(u32).range(0..=i64::from(MAX_WORK_BITS)), default_value_t = 0)]
    proof_of_work: u32,
    /// Look-ups of usernames per minute from one network address
    #[arg(long, env = "PAWL_LOOK_UPS_PER_MINUTE", value_name = "NUMBER", help_heading = LIMITS, value_parser = rate, default_value_t = Limits::LOOK_UPS_PER_MINUTE)]
    look_ups_per_minute: NonZeroU32,
    /// Claims of prekeys per minute from one network address
    #[arg(long, env = "PAWL_CLAIMS_PER_MINUTE", value_name = "NUMBER", help_heading = LIMITS, value_parser = rate, default_value_t = Limits::CLAIMS_PER_MINUTE)]
    claims_per_minute: NonZeroU32,
    /// Claims of prekeys per minute from one account
    #[arg(long, env = "PAWL_CLAIMS_PER_ACCOUNT", value_name = "NUMBER", help_heading = LIMITS, value_parser = rate, default_value_t = Limits::CLAIMS_PER_ACCOUNT)]
    claims_per_account: NonZeroU32,
    /// Claims per hour of one device's prekeys from one account
    #[arg(long, env = "PAWL_CLAIMS_PER_TARGET", value_name = "NUMBER", help_heading = LIMITS, value_parser = rate, default_value_t = Limits::CLAIMS_PER_TARGET)]
    claims_per_target: NonZeroU32,
    /// Uploads of prekeys per hour from one account; a hundred at once
    #[arg(long, env = "PAWL_UPLOADS_PER_ACCOUNT", value_name = "NUMBER", help_heading = LIMITS, value_parser = rate, default_value_t = Limits::UPLOADS_PER_ACCOUNT)]
    uploads_per_account: NonZeroU32,
    /// Envelopes per second on one connection
    #[arg(long, env = "PAWL_SUBMITS_PER_SECOND", value_name = "NUMBER", help_heading = LIMITS, value_parser = rate, default_value_t = Limits::SUBMITS_PER_SECOND)]
    submits_per_second: NonZeroU32,
}

impl Flags {
    pub(super) fn into_config(self, data: PathBuf) -> Config {
        let small = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let mut config = Config::new(self.listen, data);
        config.public_origins = self.public_origin;
        config.trusted_proxies = self.trusted_proxy;
        config.metrics = self.metrics;
        config.security_contacts = self.security_contact;
        config.drain_wait = Duration::from_secs(self.drain_seconds);
        config.registration = self.registration;
        config.limits = Limits {
            connections: small(self.connections),
            connections_per_address: small(self.connections_per_address),
            message_bytes: small(self.message_bytes),
            mailbox_messages: self.mailbox_messages,
            stranger_messages: self.stranger_messages,
            mailbox_bytes: self.mailbox_bytes,
            store_bytes: self.store_bytes,
            free_bytes: self.free_bytes,
            accounts: self.accounts,
            accounts_per_day: self.accounts_per_day,
            mail_lifetime: DAY * self.mailbox_days,
            account_days: self.account_days.0,
            one_time_keys: small(self.one_time_keys),
            registrations_per_minute: self.registrations_per_minute,
            proof_of_work: self.proof_of_work,
            look_ups_per_minute: self.look_ups_per_minute,
            claims_per_minute: self.claims_per_minute,
            claims_per_account: self.claims_per_account,
            claims_per_target: self.claims_per_target,
            uploads_per_account: self.uploads_per_account,
            submits_per_second: self.submits_per_second,
            ..Limits::default()
        };
        config
    }
}

/// None for never.
#[derive(Clone, Copy, Debug)]
struct AccountDays(Option<NonZeroU32>);

/// Mail waits for thirty days, and as long its reader may be away.
fn account_days(text: &str) -> Result<AccountDays, &'static str> {
    match text.parse() {
        Ok(0) => Ok(AccountDays(None)),
        Ok(days @ 30..=3_650) => Ok(AccountDays(NonZeroU32::new(days))),
        _ => Err("0 or a number of days from 30 to 3650 is needed"),
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "an address and a port are needed, for example 127.0.0.1:8080 or [::1]:8080")
}

/// Metrics say how busy a relay is, which is nobody else's business.
fn loopback(text: &str) -> Result<SocketAddr, &'static str> {
    let address = address(text)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err("metrics are for this machine only, for example 127.0.0.1:9464")
}

/// Known by their names, so that help and shells can offer them.
fn one_of(names: &'static [&'static str]) -> PossibleValuesParser {
    PossibleValuesParser::new(names)
}

fn registration(text: &str) -> Result<Registration, &'static str> {
    match text {
        "open" => Ok(Registration::Open),
        "invite" => Ok(Registration::Invite),
        "closed" => Ok(Registration::Closed),
        _ => Err("open, invite or closed is needed"),
    }
}

fn level(text: &str) -> Result<LevelFilter, &'static str> {
    match text {
        "off" => Ok(LevelFilter::OFF),
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        _ => Err("off, error, warn, info or debug is needed"),
    }
}

fn rate(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse()
        .map_err(|_| "a number from 1 on is needed; zero would refuse everybody")
}

fn from_one() -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..=u64::from(u32::MAX))
}

//! Protobuf field numbers. A number is never used again with another meaning; new fields and kinds
//! get the next free one. Nothing outside this crate sees these types. docs/RELAY-PROTOCOL.md has
//! what each field may hold, and `tests/document.rs` compares it with this file.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Device {
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub device: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Key {
    #[prost(uint32, tag = "1")]
    pub id: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub record: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Keys {
    #[prost(message, optional, tag = "1")]
    pub signed_prekey: Option<Key>,
    #[prost(message, optional, tag = "2")]
    pub last_resort_kem: Option<Key>,
    #[prost(message, repeated, tag = "3")]
    pub one_time_prekeys: Vec<Key>,
    #[prost(message, repeated, tag = "4")]
    pub one_time_kems: Vec<Key>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Bundle {
    #[prost(bytes = "vec", tag = "1")]
    pub account_record: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub signed_prekey: Option<Key>,
    #[prost(message, optional, tag = "3")]
    pub kem_prekey: Option<Key>,
    #[prost(message, optional, tag = "4")]
    pub one_time_prekey: Option<Key>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Auth {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    #[prost(message, optional, tag = "2")]
    pub device: Option<Device>,
    #[prost(uint64, tag = "3")]
    pub last_seq: u64,
    #[prost(uint32, tag = "4")]
    pub receive_window: u32,
    #[prost(bytes = "vec", tag = "5")]
    pub signature: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Register {
    #[prost(uint32, tag = "1")]
    pub version: u32,
    #[prost(string, tag = "2")]
    pub username: String,
    #[prost(message, optional, tag = "3")]
    pub device: Option<Device>,
    #[prost(bytes = "vec", tag = "4")]
    pub signing_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub account_record: Vec<u8>,
    #[prost(message, optional, tag = "6")]
    pub keys: Option<Keys>,
    #[prost(string, optional, tag = "7")]
    pub invite: Option<String>,
    #[prost(uint32, tag = "8")]
    pub receive_window: u32,
    #[prost(bytes = "vec", tag = "9")]
    pub account_signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub device_signature: Vec<u8>,
    #[prost(uint64, tag = "11")]
    pub work: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Submit {
    #[prost(bytes = "vec", tag = "1")]
    pub message_id: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub recipient: Option<Device>,
    #[prost(bytes = "vec", tag = "3")]
    pub envelope: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FetchBundle {
    #[prost(bytes = "vec", tag = "1")]
    pub claim: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub device: Option<Device>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Publish {
    #[prost(uint32, tag = "1")]
    pub request: u32,
    #[prost(message, optional, tag = "2")]
    pub keys: Option<Keys>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClientFrame {
    #[prost(oneof = "client_frame::Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub kind: Option<client_frame::Kind>,
}

pub(crate) mod client_frame {
    use super::{Auth, FetchBundle, Oneof, Publish, Register, Submit};

    #[derive(Clone, PartialEq, Oneof)]
    pub(crate) enum Kind {
        #[prost(message, tag = "1")]
        Auth(Auth),
        #[prost(message, boxed, tag = "2")]
        Register(Box<Register>),
        #[prost(message, tag = "3")]
        Submit(Submit),
        #[prost(uint64, tag = "4")]
        AckThrough(u64),
        #[prost(string, tag = "5")]
        LookUpUsername(String),
        #[prost(message, tag = "6")]
        FetchBundle(FetchBundle),
        #[prost(message, tag = "7")]
        Publish(Publish),
        #[prost(uint64, tag = "8")]
        PingToken(u64),
    }
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Challenge {
    #[prost(uint32, tag = "1")]
    pub min_version: u32,
    #[prost(uint32, tag = "2")]
    pub max_version: u32,
    #[prost(bytes = "vec", tag = "3")]
    pub nonce: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub epoch: Vec<u8>,
    #[prost(uint32, tag = "5")]
    pub registration: u32,
    #[prost(uint32, tag = "6")]
    pub work_bits: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Stock {
    #[prost(uint32, tag = "1")]
    pub signed_prekey: u32,
    #[prost(uint32, tag = "2")]
    pub last_resort_kem: u32,
    #[prost(uint32, tag = "3")]
    pub one_time_prekeys: u32,
    #[prost(uint32, tag = "4")]
    pub one_time_kems: u32,
    #[prost(fixed64, tag = "5")]
    pub signed_prekey_digest: u64,
    #[prost(fixed64, tag = "6")]
    pub last_resort_kem_digest: u64,
    #[prost(fixed64, tag = "7")]
    pub one_time_prekeys_digest: u64,
    #[prost(fixed64, tag = "8")]
    pub one_time_kems_digest: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Stored {
    #[prost(bytes = "vec", tag = "1")]
    pub message_id: Vec<u8>,
    #[prost(bool, tag = "2")]
    pub duplicate: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Refused {
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub cause: u32,
    #[prost(uint64, tag = "3")]
    pub retry_after_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Deliver {
    #[prost(uint64, tag = "1")]
    pub seq: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub message_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub envelope: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Account {
    #[prost(string, tag = "1")]
    pub username: String,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub record: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BundleReply {
    #[prost(bytes = "vec", tag = "1")]
    pub claim: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub bundle: Option<Bundle>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ErrorReply {
    #[prost(uint32, tag = "1")]
    pub code: u32,
    #[prost(uint64, tag = "2")]
    pub retry_after_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RelayFrame {
    #[prost(
        oneof = "relay_frame::Kind",
        tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14"
    )]
    pub kind: Option<relay_frame::Kind>,
}

pub(crate) mod relay_frame {
    use super::{
        Account, BundleReply, Challenge, Deliver, ErrorReply, Oneof, Refused, Stock, Stored,
    };

    #[derive(Clone, PartialEq, Oneof)]
    pub(crate) enum Kind {
        #[prost(message, tag = "1")]
        Challenge(Challenge),
        #[prost(message, tag = "2")]
        AuthOk(Stock),
        #[prost(message, tag = "3")]
        Stored(Stored),
        #[prost(message, tag = "4")]
        Refused(Refused),
        #[prost(message, tag = "5")]
        Deliver(Deliver),
        #[prost(uint64, tag = "6")]
        QueueEmptyThrough(u64),
        #[prost(message, tag = "7")]
        Account(Account),
        #[prost(message, tag = "8")]
        Bundle(BundleReply),
        #[prost(message, tag = "9")]
        NoBundle(Refused),
        #[prost(uint32, tag = "10")]
        PublishedRequest(u32),
        #[prost(message, tag = "11")]
        KeysLow(Stock),
        #[prost(uint64, tag = "12")]
        PongToken(u64),
        #[prost(uint64, tag = "13")]
        DrainReconnectAfterMs(u64),
        #[prost(message, tag = "14")]
        Error(ErrorReply),
    }
}

//! The name of every refusal, as the vectors and PROTOCOL.md "Refusals" have it. The matches are exhaustive:
//! a new error does not compile until it has a name.

use pawl_protocol::{
    AcceptError, BundleError, CertificateError, DecodeError, InitiateError, KeyError,
    NonContributory, OpenError, RecordError, ScanError, SealError, StatementError, SupersedeError,
};

pub(super) trait Refusal {
    fn name(&self) -> String;
}

impl Refusal for KeyError {
    fn name(&self) -> String {
        match self {
            Self::NotCanonical => "key not canonical",
            Self::NotOnCurve => "key not on the curve",
            Self::SmallOrder => "key of small order",
        }
        .into()
    }
}

impl Refusal for DecodeError {
    fn name(&self) -> String {
        match self {
            Self::Truncated => "truncated".into(),
            Self::TrailingBytes => "trailing bytes".into(),
            Self::UnknownVersion(_) => "unknown version".into(),
            Self::UnknownType(_) => "unknown type".into(),
            Self::UnknownSuite(_) => "unknown suite".into(),
            Self::BadField(field) => format!("bad field: {field}"),
            Self::Key(key) => key.name(),
        }
    }
}

impl Refusal for CertificateError {
    fn name(&self) -> String {
        "certificate signature".into()
    }
}

impl Refusal for RecordError {
    fn name(&self) -> String {
        match self {
            Self::Username => "bad field: username".into(),
            Self::DeviceCount => "bad field: device count".into(),
            Self::DeviceOrder => "device order".into(),
            Self::ForeignDevice => "foreign device".into(),
            Self::Certificate(error) => error.name(),
            Self::Signature => "record signature".into(),
        }
    }
}

impl Refusal for SupersedeError {
    fn name(&self) -> String {
        match self {
            Self::OtherAccount => "other account",
            Self::Rollback => "rollback",
            Self::Fork => "fork",
        }
        .into()
    }
}

impl Refusal for BundleError {
    fn name(&self) -> String {
        match self {
            Self::OtherAccount => "other account".into(),
            Self::Certificate(error) => error.name(),
            Self::SignedPreKeySignature => "signed prekey signature".into(),
            Self::KemPreKeySignature => "KEM prekey signature".into(),
            Self::KemKey(error) => error.name(),
        }
    }
}

impl Refusal for NonContributory {
    fn name(&self) -> String {
        "key contributes nothing".into()
    }
}

impl Refusal for InitiateError {
    fn name(&self) -> String {
        match self {
            Self::OwnDevice => "own device".into(),
            Self::PeerKey(error) => error.name(),
        }
    }
}

impl Refusal for AcceptError {
    fn name(&self) -> String {
        match self {
            Self::PreKeyMismatch => "prekey mismatch".into(),
            Self::OwnDevice => "own device".into(),
            Self::SenderEncoding(error) => error.name(),
            Self::Certificate(error) => error.name(),
            Self::PeerKey(error) => error.name(),
            Self::Open(error) => error.name(),
        }
    }
}

impl Refusal for SealError {
    fn name(&self) -> String {
        match self {
            Self::TooLong => "too long".into(),
            Self::ChainExhausted => "chain exhausted".into(),
            Self::PeerKey(error) => error.name(),
        }
    }
}

impl Refusal for OpenError {
    fn name(&self) -> String {
        match self {
            Self::WrongSession => "wrong session".into(),
            Self::HeaderNotAuthentic => "header not authentic".into(),
            Self::InvalidHeader => "invalid header".into(),
            Self::MessageKeyGone => "message key gone".into(),
            Self::TooManySkipped => "too many skipped".into(),
            Self::BodyNotAuthentic => "body not authentic".into(),
            Self::InvalidPadding => "invalid padding".into(),
            Self::PeerKey(error) => error.name(),
        }
    }
}

impl Refusal for ScanError {
    fn name(&self) -> String {
        match self {
            Self::NotASafetyNumber => "not a safety number",
            Self::UnknownVersion(_) => "unknown version",
        }
        .into()
    }
}

impl Refusal for StatementError {
    fn name(&self) -> String {
        "not a statement".into()
    }
}

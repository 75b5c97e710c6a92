//! From protobuf's loose fields to exact types: every length and bound is checked here, once.

use prost::Message;

use crate::ids::DeviceAddress;
use crate::limits::{MAX_ENVELOPE, MAX_FRAME, MAX_RECEIVE_WINDOW, MIN_ENVELOPE};
use crate::proto;
use crate::records::{Bundle, KeyRecord, PublishedKeys};
use crate::username::Username;

/// Why bytes are not a frame. The sender is at fault in each case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Over [`MAX_FRAME`] bytes.
    #[error("a frame has at most {MAX_FRAME} bytes, this one has {0}")]
    TooLarge(usize),
    /// Not protobuf, or a field of the wrong type.
    #[error("not a frame")]
    Malformed,
    /// No kind, or one that this version does not know.
    #[error("a frame of an unknown kind")]
    UnknownKind,
    /// A field that is missing, of the wrong length or over its limit.
    #[error("bad field {0}")]
    Field(&'static str),
}

pub(crate) fn encode(message: &impl Message) -> Vec<u8> {
    message.encode_to_vec()
}

pub(crate) fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, FrameError> {
    if bytes.len() > MAX_FRAME {
        return Err(FrameError::TooLarge(bytes.len()));
    }
    M::decode(bytes).map_err(|_| FrameError::Malformed)
}

pub(crate) fn fixed<'a, T: TryFrom<&'a [u8]>>(
    bytes: &'a [u8],
    field: &'static str,
) -> Result<T, FrameError> {
    T::try_from(bytes).map_err(|_| FrameError::Field(field))
}

pub(crate) fn at_most(
    bytes: Vec<u8>,
    limit: usize,
    field: &'static str,
) -> Result<Vec<u8>, FrameError> {
    if bytes.len() > limit {
        Err(FrameError::Field(field))
    } else {
        Ok(bytes)
    }
}

/// An envelope on its way in. On its way out it has no lower limit: what waits may be from before there was one.
pub(crate) fn envelope(bytes: Vec<u8>) -> Result<Vec<u8>, FrameError> {
    if bytes.len() < MIN_ENVELOPE {
        return Err(FrameError::Field("envelope"));
    }
    at_most(bytes, MAX_ENVELOPE, "envelope")
}

pub(crate) fn username(text: &str) -> Result<Username, FrameError> {
    Username::from_canonical(text).map_err(|_| FrameError::Field("username"))
}

pub(crate) fn device(device: Option<proto::Device>) -> Result<DeviceAddress, FrameError> {
    device.ok_or(FrameError::Field("device"))?.try_into()
}

pub(crate) fn window(window: u32) -> Result<u32, FrameError> {
    if (1..=MAX_RECEIVE_WINDOW).contains(&window) {
        Ok(window)
    } else {
        Err(FrameError::Field("receive_window"))
    }
}

pub(crate) fn key(key: Option<proto::Key>) -> Result<KeyRecord, FrameError> {
    key.map(KeyRecord::from).ok_or(FrameError::Field("key"))
}

pub(crate) fn keys(keys: Option<proto::Keys>) -> Result<PublishedKeys, FrameError> {
    let keys: PublishedKeys = keys.ok_or(FrameError::Field("keys"))?.into();
    if keys.is_within_limits() {
        Ok(keys)
    } else {
        Err(FrameError::Field("keys"))
    }
}

pub(crate) fn bundle(bundle: Option<proto::Bundle>) -> Result<Bundle, FrameError> {
    let bundle = bundle.ok_or(FrameError::Field("bundle"))?;
    let bundle = Bundle {
        account_record: bundle.account_record,
        signed_prekey: key(bundle.signed_prekey)?,
        kem_prekey: key(bundle.kem_prekey)?,
        one_time_prekey: bundle.one_time_prekey.map(KeyRecord::from),
    };
    if bundle.is_within_limits() {
        Ok(bundle)
    } else {
        Err(FrameError::Field("bundle"))
    }
}

impl From<proto::Key> for KeyRecord {
    fn from(key: proto::Key) -> Self {
        Self {
            id: key.id,
            record: key.record,
        }
    }
}

impl From<&KeyRecord> for proto::Key {
    fn from(key: &KeyRecord) -> Self {
        Self {
            id: key.id,
            record: key.record.clone(),
        }
    }
}

impl From<proto::Keys> for PublishedKeys {
    fn from(keys: proto::Keys) -> Self {
        Self {
            signed_prekey: keys.signed_prekey.map(KeyRecord::from),
            last_resort_kem: keys.last_resort_kem.map(KeyRecord::from),
            one_time_prekeys: keys
                .one_time_prekeys
                .into_iter()
                .map(KeyRecord::from)
                .collect(),
            one_time_kems: keys
                .one_time_kems
                .into_iter()
                .map(KeyRecord::from)
                .collect(),
        }
    }
}

impl From<&PublishedKeys> for proto::Keys {
    fn from(keys: &PublishedKeys) -> Self {
        Self {
            signed_prekey: keys.signed_prekey.as_ref().map(proto::Key::from),
            last_resort_kem: keys.last_resort_kem.as_ref().map(proto::Key::from),
            one_time_prekeys: keys.one_time_prekeys.iter().map(proto::Key::from).collect(),
            one_time_kems: keys.one_time_kems.iter().map(proto::Key::from).collect(),
        }
    }
}

impl From<&Bundle> for proto::Bundle {
    fn from(bundle: &Bundle) -> Self {
        Self {
            account_record: bundle.account_record.clone(),
            signed_prekey: Some((&bundle.signed_prekey).into()),
            kem_prekey: Some((&bundle.kem_prekey).into()),
            one_time_prekey: bundle.one_time_prekey.as_ref().map(proto::Key::from),
        }
    }
}

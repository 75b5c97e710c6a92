//! How a page's questions are read from the objects of its language, field by field.
//! A question is written down once, as a variant of an enum that derives [`FromFields`].
//! Serde's decoders of tagged enums would be a tenth of what a first visit loads.

use thiserror::Error;

use crate::ids::ConversationId;

/// Largest whole number that JavaScript tells from its neighbours.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// An object of another language. Nothing is given for a field that is not there or of another type.
pub trait Fields {
    /// Whether a field is there, and neither `undefined` nor `null`.
    fn has(&self, name: &str) -> bool;
    /// A field that is a string.
    fn text(&self, name: &str) -> Option<String>;
    /// A field that is a number.
    fn number(&self, name: &str) -> Option<f64>;
    /// A field that is true or false.
    fn truth(&self, name: &str) -> Option<bool>;
    /// A field that is an array of numbers, each taken as a byte.
    fn bytes(&self, name: &str) -> Option<Vec<u8>>;
}

/// What is asked cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the field {field} is missing or malformed")]
pub struct Malformed {
    /// The first field that is not there or of another type, as the page calls it.
    /// `type` where there is no such kind of question.
    pub field: &'static str,
}

/// A question of one of several kinds.
pub trait FromFields: Sized {
    /// Reads one of that kind.
    ///
    /// # Errors
    /// See [`Malformed`].
    fn from_fields(kind: &str, fields: &impl Fields) -> Result<Self, Malformed>;
}

/// A type that a field can have.
pub(crate) trait FromField: Sized {
    fn from_field(fields: &impl Fields, field: &'static str) -> Result<Self, Malformed>;
}

impl FromField for String {
    fn from_field(fields: &impl Fields, field: &'static str) -> Result<Self, Malformed> {
        fields.text(field).ok_or(Malformed { field })
    }
}

impl FromField for ConversationId {
    fn from_field(fields: &impl Fields, field: &'static str) -> Result<Self, Malformed> {
        let text = fields.text(field);
        let id = text.and_then(|text| text.parse().ok());
        id.ok_or(Malformed { field })
    }
}

impl FromField for bool {
    fn from_field(fields: &impl Fields, field: &'static str) -> Result<Self, Malformed> {
        fields.truth(field).ok_or(Malformed { field })
    }
}

impl FromField for Vec<u8> {
    fn from_field(fields: &impl Fields, field: &'static str) -> Result<Self, Malformed> {
        fields.bytes(field).ok_or(Malformed { field })
    }
}

impl FromField for u64 {
    fn from_field(fields: &impl Fields, field: &'static str) -> Result<Self, Malformed> {
        let number = fields.number(field);
        number.and_then(whole).ok_or(Malformed { field })
    }
}

impl FromField for u32 {
    fn from_field(fields: &impl Fields, field: &'static str) -> Result<Self, Malformed> {
        let number = u64::from_field(fields, field)?;
        Self::try_from(number).map_err(|_| Malformed { field })
    }
}

impl<T: FromField> FromField for Option<T> {
    fn from_field(fields: &impl Fields, field: &'static str) -> Result<Self, Malformed> {
        let there = fields.has(field);
        there.then(|| T::from_field(fields, field)).transpose()
    }
}

/// A whole number, not below zero, that JavaScript holds exactly.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in range"
)]
pub fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..=MAX_SAFE).contains(&number)).then_some(number as u64)
}

//! The one place where Rust's values become JavaScript's (page/decode.rs is the way back): one function for
//! the engine's types, and plain objects for what is only passed on.

use js_sys::{Object, Reflect};
use serde::Serialize;
use wasm_bindgen::JsValue;

/// A plain JavaScript value: nothing is `null`, numbers are numbers, enums are tagged objects.
///
/// # Panics
/// Where a type of ours does not serialise, which its tests would show.
pub(crate) fn to_js(value: &impl Serialize) -> JsValue {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
    value
        .serialize(&serializer)
        .expect("our types are plain and their numbers below 2^53")
}

/// An object with these fields.
pub(crate) fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value).expect("a plain object takes any field");
    }
    object
}

/// A field of an object; nothing where it is no object or has no such field.
pub(crate) fn field(object: &JsValue, name: &str) -> Option<JsValue> {
    let value = Reflect::get(object, &name.into()).ok()?;
    (!value.is_undefined()).then_some(value)
}

/// A field that is a string.
pub(crate) fn text(object: &JsValue, name: &str) -> Option<String> {
    field(object, name)?.as_string()
}

/// What a thrown value says of itself.
pub(crate) fn describe(error: &JsValue) -> String {
    error
        .as_string()
        .unwrap_or_else(|| String::from(Object::from(error.clone()).to_string()))
}

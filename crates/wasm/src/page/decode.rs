//! What a page says, read from JavaScript. Which questions there are is written in `pawl-client` alone;
//! web/src/generated/types.ts holds pages to their shapes.

use js_sys::{Array, Uint8Array};
use pawl_client::{Fields, FromFields, Hint, Malformed};
use wasm_bindgen::JsValue;

use crate::driver::Config;
use crate::js::{field, text};

/// The database's name; tests have their own.
const DATABASE: &str = "pawl";

/// Where the engine runs, from `{ authority, wsUrl, dbName? }`.
pub(crate) fn config(given: &JsValue) -> Option<Config> {
    Some(Config {
        authority: text(given, "authority")?,
        ws_url: text(given, "wsUrl")?,
        db_name: text(given, "dbName").unwrap_or_else(|| DATABASE.into()),
    })
}

/// A command or a query.
///
/// # Errors
/// [`Malformed`] where it is none.
pub fn question<T: FromFields>(asked: &JsValue) -> Result<T, Malformed> {
    let kind = text(asked, "type").ok_or(Malformed { field: "type" })?;
    T::from_fields(&kind, &Object(asked))
}

/// What bears on the connection.
///
/// # Errors
/// [`Malformed`] where no hint has that name.
pub fn hint(name: &str) -> Result<Hint, Malformed> {
    Hint::from_fields(name, &Object(&JsValue::NULL))
}

/// An object of JavaScript.
struct Object<'a>(&'a JsValue);

impl Fields for Object<'_> {
    fn has(&self, name: &str) -> bool {
        field(self.0, name).is_some_and(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<String> {
        text(self.0, name)
    }

    fn number(&self, name: &str) -> Option<f64> {
        field(self.0, name)?.as_f64()
    }

    fn truth(&self, name: &str) -> Option<bool> {
        field(self.0, name)?.as_bool()
    }

    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let array = field(self.0, name)?;
        Array::is_array(&array).then(|| Uint8Array::new(&array).to_vec())
    }
}

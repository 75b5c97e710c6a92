//! Derives `FromFields` of `crates/client/src/api/decode.rs`, so that a command is written down once.
//! Used by `pawl-client` alone: what it generates names that crate's own modules.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Data, DeriveInput, Error, Ident, Variant, parse_macro_input};

/// For an enum whose variants have named fields or none.
/// Variants and fields are called as serde calls them with `rename_all = "camelCase"`.
#[proc_macro_derive(FromFields)]
pub fn from_fields(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    implementation(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn implementation(input: &DeriveInput) -> Result<Tokens, Error> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(input, "only an enum has kinds"));
    };
    let name = &input.ident;
    let arms: Vec<Tokens> = data.variants.iter().map(arm).collect::<Result<_, _>>()?;
    Ok(quote! {
        impl crate::api::decode::FromFields for #name {
            fn from_fields(
                kind: &str,
                fields: &impl crate::api::decode::Fields,
            ) -> Result<Self, crate::api::decode::Malformed> {
                let _ = fields;
                match kind {
                    #(#arms)*
                    _ => Err(crate::api::decode::Malformed { field: "type" }),
                }
            }
        }
    })
}

fn arm(variant: &Variant) -> Result<Tokens, Error> {
    let name = &variant.ident;
    let kind = camel_case(name);
    let fields = variant.fields.iter().map(|field| {
        let name = field.ident.as_ref();
        let name = name.ok_or_else(|| Error::new_spanned(field, "a field has a name"))?;
        let called = camel_case(name);
        Ok(quote! { #name: crate::api::decode::FromField::from_field(fields, #called)? })
    });
    let fields: Vec<Tokens> = fields.collect::<Result<_, Error>>()?;
    Ok(quote! { #kind => Ok(Self::#name { #(#fields),* }), })
}

/// `SendText` is `sendText`, and so is `send_text`.
fn camel_case(name: &Ident) -> String {
    let name = name.to_string();
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default();
    let rest = words.map(|word| with_first(word, char::to_ascii_uppercase));
    with_first(first, char::to_ascii_lowercase) + &rest.collect::<String>()
}

fn with_first(word: &str, change: fn(&char) -> char) -> String {
    let mut letters = word.chars();
    let first = letters.next().as_ref().map(change);
    first.into_iter().chain(letters).collect()
}

//! `/.well-known/security.txt` (RFC 9116): whom to tell who found a fault in this relay's security.
//!
//! Owns what a contact may be and the text; the operator says who it is, and without that there is none.

use std::fmt;
use std::str::FromStr;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use crate::clock::{self, DAY_MS};
use crate::http::assets;
use crate::http::origin::PublicOrigin;

/// Where it stands, at the root of an origin.
pub(crate) const PATH: &str = "/.well-known/security.txt";

/// The relay goes on saying it for as long as it is set, so half a year is how long others may keep it. RFC 9116 asks
/// for less than a year.
const GOOD_FOR_DAYS: u64 = 180;

/// Somebody who wants to hear of faults: a mail address or a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityContact(Url);

impl fmt::Display for SecurityContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is no contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a contact looks like mailto:security@example.org or https://example.org/security")]
pub struct BadContact;

impl FromStr for SecurityContact {
    type Err = BadContact;

    fn from_str(text: &str) -> Result<Self, BadContact> {
        // A parser of addresses drops line ends and keeps blanks; here one address is one line.
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(BadContact);
        }
        let url = Url::parse(text).map_err(|_| BadContact)?;
        let is_whole = match url.scheme() {
            "mailto" => url.path().split_once('@').is_some_and(|(name, host)| {
                !name.is_empty() && !host.is_empty() && !host.contains('@')
            }),
            "https" => url.username().is_empty() && url.password().is_none(),
            _ => false,
        };
        if is_whole {
            Ok(Self(url))
        } else {
            Err(BadContact)
        }
    }
}

/// What is served.
pub(crate) struct Notice {
    contacts: Vec<SecurityContact>,
    origins: Vec<PublicOrigin>,
}

impl Notice {
    pub(crate) fn new(contacts: &[SecurityContact], origins: &[PublicOrigin]) -> Self {
        Self {
            contacts: contacts.to_vec(),
            origins: origins.to_vec(),
        }
    }

    /// None without a contact, which is the one field that it cannot lack, or where the date has no form.
    fn text(&self, now_ms: u64) -> Option<String> {
        if self.contacts.is_empty() {
            return None;
        }
        // Whole days: the text stays the same for one.
        let day = now_ms / DAY_MS + GOOD_FOR_DAYS;
        let seconds = i64::try_from(day * (DAY_MS / 1_000)).ok()?;
        let expires = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
        let expires = expires.format(&Rfc3339).ok()?;
        let contacts = self
            .contacts
            .iter()
            .map(|contact| format!("Contact: {contact}\n"));
        let canonical = self
            .origins
            .iter()
            .map(|origin| format!("Canonical: {origin}{PATH}\n"));
        let lines = contacts.chain([format!("Expires: {expires}\n")]);
        Some(lines.chain(canonical).collect())
    }
}

pub(crate) async fn show(notice: web::Data<Notice>) -> HttpResponse {
    match notice.text(clock::wall_ms()) {
        Some(text) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-cache"))
            .content_type(assets::TEXT)
            .body(text),
        None => assets::missing(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_an_address_of_mail_or_of_a_page_in_one_line() {
        for good in [
            "mailto:security@example.org",
            "mailto:security@example.org?subject=pawl",
            "https://example.org/security",
            "https://example.org:8443/",
        ] {
            let contact = SecurityContact::from_str(good).expect(good);
            assert_eq!(contact.to_string(), good);
        }
        for bad in [
            "",
            "security@example.org",
            "mailto:",
            "mailto:security",
            "mailto:@example.org",
            "mailto:a@b@c",
            "http://example.org/",
            "https://",
            "https://name:word@example.org/",
            "tel:+1-201-555-0123",
            "https://example.org/\nContact:x",
            "https://example.org/a b",
            "mailto:a\r\n@example.org",
        ] {
            assert_eq!(SecurityContact::from_str(bad), Err(BadContact), "{bad:?}");
        }
    }

    #[test]
    fn the_text_names_each_contact_and_origin_and_ends_within_a_year() {
        let contact = |text: &str| text.parse::<SecurityContact>().expect("a contact");
        let mut notice = Notice {
            contacts: vec![
                contact("mailto:a@b.example"),
                contact("https://b.example/s"),
            ],
            origins: vec!["https://chat.example.org".parse().expect("an origin")],
        };
        let noon_of_2026 = clock::EARLIEST_MS + DAY_MS / 2;
        let text = notice.text(noon_of_2026);
        let expected = "Contact: mailto:a@b.example\nContact: https://b.example/s\n\
                        Expires: 2026-06-30T00:00:00Z\n\
                        Canonical: https://chat.example.org/.well-known/security.txt\n";
        assert_eq!(text.as_deref(), Some(expected));
        notice.contacts.clear();
        assert_eq!(notice.text(noon_of_2026), None);
        notice.contacts.push(contact("mailto:a@b.example"));
        assert_eq!(notice.text(u64::MAX), None, "a date that there is not");
    }
}

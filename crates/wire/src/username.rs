//! The one rule for usernames, the same in the page and in the relay.
//!
//! ASCII only: a relay that hosted both "pаul" (Cyrillic а) and "paul" would make one of them a
//! trap. Letters are folded to lower case, so that "Bob" and "bob" are one person.

use std::fmt;

use crate::limits::MAX_USERNAME;

/// A valid username in canonical form: 1 to 32 of `a-z 0-9 . _ -`, first a letter or a digit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Username(String);

/// Why a text is not a username.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Nothing, or only white space.
    #[error("a username is needed")]
    Empty,
    /// Longer than [`MAX_USERNAME`] characters.
    #[error("a username has at most {MAX_USERNAME} characters, this one has {0}")]
    TooLong(usize),
    /// A control character, tabs and line breaks included.
    #[error("a username holds no control characters")]
    ControlCharacter,
    /// A character outside ASCII; it may look like a plain letter and is not one.
    #[error("'{0}' (U+{code:04X}) is not a plain letter a to z", code = *.0 as u32)]
    NotAscii(char),
    /// An ASCII character outside the rule.
    #[error("'{0}' cannot be in a username")]
    Forbidden(char),
    /// The first character is not a letter or a digit.
    #[error("a username begins with a letter or a digit")]
    BadStart,
}

impl Username {
    /// Reads a username as a person types it: surrounding spaces go, letters become lower case.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        let text = text.trim_matches(' ');
        let count = text.chars().count();
        if count == 0 {
            return Err(UsernameError::Empty);
        }
        if count > MAX_USERNAME {
            return Err(UsernameError::TooLong(count));
        }
        text.chars().try_for_each(check)?;
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(UsernameError::BadStart);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// Reads a username that must already be canonical, as it stands in frames and records.
    ///
    /// # Errors
    /// As [`Username::parse`]; an upper-case letter or a space is [`UsernameError::Forbidden`].
    pub fn from_canonical(text: &str) -> Result<Self, UsernameError> {
        if let Some(c) = text.chars().find(|c| c.is_ascii_uppercase() || *c == ' ') {
            return Err(UsernameError::Forbidden(c));
        }
        Self::parse(text)
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(c: char) -> Result<(), UsernameError> {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => Ok(()),
        c if c.is_control() => Err(UsernameError::ControlCharacter),
        c if !c.is_ascii() => Err(UsernameError::NotAscii(c)),
        c => Err(UsernameError::Forbidden(c)),
    }
}

impl fmt::Debug for Username {
    /// Who talks to whom does not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Username(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_surrounding_spaces_do_not_matter() {
        assert_eq!(
            Username::parse(" Bob-1.x_y ").expect("valid").as_str(),
            "bob-1.x_y"
        );
    }

    #[test]
    fn each_rule_has_its_own_error() {
        let cases = [
            ("", UsernameError::Empty),
            ("   ", UsernameError::Empty),
            (&"a".repeat(33), UsernameError::TooLong(33)),
            ("a\u{7}b", UsernameError::ControlCharacter),
            ("a\u{0}", UsernameError::ControlCharacter),
            ("p\u{430}ul", UsernameError::NotAscii('\u{430}')),
            ("a\u{200b}b", UsernameError::NotAscii('\u{200b}')),
            ("a\u{202e}b", UsernameError::NotAscii('\u{202e}')),
            ("a b", UsernameError::Forbidden(' ')),
            ("a/b", UsernameError::Forbidden('/')),
            ("-ab", UsernameError::BadStart),
        ];
        for (text, error) in cases {
            assert_eq!(Username::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn only_the_canonical_form_stands_in_frames() {
        assert!(Username::from_canonical("bob").is_ok());
        assert_eq!(
            Username::from_canonical("Bob"),
            Err(UsernameError::Forbidden('B'))
        );
        assert_eq!(
            Username::from_canonical("bob "),
            Err(UsernameError::Forbidden(' '))
        );
    }
}

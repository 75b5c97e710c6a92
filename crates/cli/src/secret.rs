//! Passphrases and key files: asked for on the terminal, or read from files that the user names. Knows nothing
//! of what they open.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use pawl_client::DataKey;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::failure::{Code, Failure};
use crate::random;
use crate::store::{Passphrase, Secret, SecretKind};

/// Longest passphrase, in bytes.
const MAX_PASSPHRASE: usize = 1_024;

/// Where a secret comes from, as the options say; from neither, the terminal is asked.
pub(crate) struct Source {
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) passphrase_file: Option<PathBuf>,
    /// What it opens, in a prompt.
    pub(crate) what: &'static str,
}

impl Source {
    /// For something that is there and wants this kind of secret.
    pub(crate) fn existing(&self, kind: SecretKind) -> Result<Secret, Failure> {
        match (&self.key_file, &self.passphrase_file) {
            (Some(path), _) => read_key_file(path),
            (None, Some(path)) => read_passphrase(path),
            (None, None) if kind == SecretKind::KeyFile => {
                let line = format!("{} opens with a key file: give --key-file", self.what);
                Err(Failure::new(Code::Secret, line))
            }
            (None, None) => self.ask(""),
        }
    }

    /// For something new. A key file that is not there is made.
    pub(crate) fn new_one(&self) -> Result<Secret, Failure> {
        match (&self.key_file, &self.passphrase_file) {
            (Some(path), _) => {
                make_key_file(path)?;
                read_key_file(path)
            }
            (None, Some(path)) => read_passphrase(path),
            (None, None) => {
                let first = self.ask("New ")?;
                let second = self.ask("Once more, the ")?;
                match (&first, &second) {
                    (Secret::Passphrase(one), Secret::Passphrase(other))
                        if one.text == other.text =>
                    {
                        Ok(first)
                    }
                    _ => Err(Failure::usage("the two passphrases differ")),
                }
            }
        }
    }

    fn ask(&self, before: &str) -> Result<Secret, Failure> {
        let prompt = format!("{before}passphrase of {}: ", self.what);
        let typed = rpassword::prompt_password(prompt).map_err(|_| {
            Failure::usage(
                "there is no terminal to ask for the passphrase: give --passphrase-file or --key-file",
            )
        })?;
        passphrase(&typed.into())
    }
}

/// The same characters are the same passphrase, whichever way a system composes them and marks a line's end.
fn passphrase(typed: &Zeroizing<String>) -> Result<Secret, Failure> {
    let bare = typed.strip_prefix('\u{feff}').unwrap_or(typed);
    let bare = bare.trim_end_matches(['\r', '\n']);
    // Composed, it can be three times as long. What grows would leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(3 * bare.len()));
    text.extend(bare.nfc());
    if text.is_empty() {
        return Err(Failure::usage("an empty passphrase protects nothing"));
    }
    let typed = (text != *typed).then(|| typed.clone());
    Ok(Secret::Passphrase(Passphrase { text, typed }))
}

/// The first line of a file.
fn read_passphrase(path: &Path) -> Result<Secret, Failure> {
    let text = read(path)?;
    let line = text.lines().next().unwrap_or_default();
    passphrase(&Zeroizing::new(line.to_owned()))
}

/// 64 hexadecimal digits.
fn read_key_file(path: &Path) -> Result<Secret, Failure> {
    let text = read(path)?;
    let digits = text.trim_ascii();
    let mut bytes = Zeroizing::new([0; 32]);
    let is_key = digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
    }
    let key = DataKey::from_bytes(bytes.as_ref()).filter(|_| is_key);
    let line = format!(
        "{} is not a key file of 64 hexadecimal digits",
        path.display()
    );
    key.map(Secret::KeyFile)
        .ok_or_else(|| Failure::new(Code::Secret, line))
}

fn make_key_file(path: &Path) -> Result<(), Failure> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let key = DataKey::generate(&mut random::generator());
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in key.as_bytes() {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
    }
    text.push('\n');
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| unreadable(path, &error))
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_PASSPHRASE + 2));
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let most = u64::try_from(MAX_PASSPHRASE + 1).unwrap_or(u64::MAX);
    let length = file
        .take(most)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(path, &error))?;
    if length > MAX_PASSPHRASE {
        let line = format!("{} is longer than {MAX_PASSPHRASE} bytes", path.display());
        return Err(Failure::usage(line));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(typed: &str) -> (String, Option<String>) {
        let typed = Zeroizing::new(typed.to_owned());
        let Ok(Secret::Passphrase(Passphrase { text, typed })) = passphrase(&typed) else {
            panic!("{typed:?} is a passphrase");
        };
        (text.to_string(), typed.map(|typed| typed.to_string()))
    }

    #[test]
    fn the_same_characters_are_the_same_passphrase() {
        let composed = "p\u{e4}ssw\u{f6}rd \u{e9}t\u{e9}";
        let apart = "pa\u{308}sswo\u{308}rd e\u{301}te\u{301}";
        assert_eq!(read(composed), (composed.to_owned(), None));
        for typed in [
            apart.to_owned(),
            format!("\u{feff}{composed}"),
            format!("{apart}\r\n"),
            format!("\u{feff}{apart}\r\r\n"),
        ] {
            assert_eq!(read(&typed), (composed.to_owned(), Some(typed)));
        }
        // Nothing else of it changes: neither spaces nor look-alikes.
        for typed in [" a ", "\u{ff41}", "\u{fb01}"] {
            assert_eq!(read(typed).0, typed, "{typed:?}");
        }
        for empty in ["", "\u{feff}", "\r\n", "\u{feff}\n"] {
            assert!(passphrase(&Zeroizing::new(empty.to_owned())).is_err());
        }
    }
}

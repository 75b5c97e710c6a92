//! The archives in which the corpora are kept: corpus/TARGET.tar, one file for each input. There is
//! one form of an archive: names in order, no times, no owners. An input's name ends with the SHA-1
//! of its bytes, as libFuzzer names it, so damage is seen. Knows no folders.

use std::collections::BTreeMap;
use std::io::{Error, Read as _, Result};

use sha1::{Digest as _, Sha1};
use tar::{Archive, Builder, EntryType, Header};

/// Inputs by name.
pub type Inputs = BTreeMap<String, Vec<u8>>;

/// Inputs that once found a fault begin so, as libFuzzer names them. They stay for ever.
const FINDINGS: [&str; 4] = ["crash-", "timeout-", "oom-", "leak-"];

/// The inputs of an archive.
///
/// # Errors
/// When there is no input in it, or when [`pack`] would write it otherwise.
pub fn unpack(archive: &[u8]) -> Result<Inputs> {
    let mut inputs = Inputs::new();
    for entry in Archive::new(archive).entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut input = Vec::new();
        entry.read_to_end(&mut input)?;
        if !name.ends_with(&digest(&input)) {
            return Err(Error::other(format!(
                "{name} has other bytes than its name says"
            )));
        }
        inputs.insert(name, input);
    }
    if inputs.is_empty() {
        return Err(Error::other("no input is in it"));
    }
    if pack(&inputs)? != archive {
        return Err(Error::other("it is cut, or was packed by another tool"));
    }
    Ok(inputs)
}

/// An archive of these inputs.
///
/// # Errors
/// When a name is too long for a file in an archive.
pub fn pack(inputs: &Inputs) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (name, input) in inputs {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_path(name)?;
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(input.len() as u64);
        header.set_cksum();
        archive.append(&header, input.as_slice())?;
    }
    archive.into_inner()
}

/// Under which name an input is kept: its own, where libFuzzer gives findings of these bytes that
/// name; else the SHA-1 of its bytes.
#[must_use]
pub fn name(own: &str, input: &[u8]) -> String {
    let digest = digest(input);
    let kind = own.strip_suffix(&digest);
    let kind = kind.filter(|kind| FINDINGS.contains(kind));
    kind.unwrap_or_default().to_owned() + &digest
}

/// Whether an input of this name once found a fault.
#[must_use]
pub fn is_finding(name: &str) -> bool {
    FINDINGS.iter().any(|kind| name.starts_with(kind))
}

/// What is kept of a corpus when its search is over: all that once found a fault, and the smallest
/// of the new inputs, in `room` bytes.
#[must_use]
pub fn renew(old: Inputs, new: Inputs, room: usize) -> Inputs {
    let mut new: Vec<_> = new.into_iter().collect();
    new.sort_by_key(|(_, input)| input.len());
    let mut total = 0;
    let fits = |(_, input): &(String, Vec<u8>)| {
        total += input.len();
        total <= room
    };
    let kept = new.into_iter().take_while(fits);
    let findings = old.into_iter().filter(|(name, _)| is_finding(name));
    findings.chain(kept).collect()
}

fn digest(input: &[u8]) -> String {
    let digest = Sha1::digest(input);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(all: &[(&str, &[u8])]) -> Inputs {
        let named = |(kind, input): &(&str, &[u8])| {
            let own = format!("{kind}{}", digest(input));
            (name(&own, input), input.to_vec())
        };
        all.iter().map(named).collect()
    }

    #[test]
    fn an_archive_gives_what_was_packed_and_is_the_same_bytes_again() {
        let all = inputs(&[("", b"one"), ("crash-", &[7; 600]), ("", b"")]);
        let archive = pack(&all).unwrap();
        assert_eq!(unpack(&archive).unwrap(), all);
        assert_eq!(pack(&all).unwrap(), archive);
    }

    #[test]
    fn an_archive_that_is_empty_cut_or_altered_is_refused() {
        let archive = pack(&inputs(&[("", b"one"), ("", b"two")])).unwrap();
        assert!(unpack(&[]).is_err());
        assert!(unpack(&pack(&Inputs::new()).unwrap()).is_err());
        for length in (0..archive.len()).step_by(256) {
            assert!(unpack(&archive[..length]).is_err(), "{length} bytes");
        }
        assert!(unpack(&[&archive[..], &[0; 512]].concat()).is_err());
        for at in 0..archive.len() {
            let mut altered = archive.clone();
            altered[at] ^= 1;
            assert!(unpack(&altered).is_err(), "byte {at}");
        }
    }

    #[test]
    fn an_archive_of_another_tool_is_refused() {
        let mut archive = Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_size(3);
        header.set_mtime(1);
        let name = digest(b"one");
        archive.append_data(&mut header, name, &b"one"[..]).unwrap();
        let error = unpack(&archive.into_inner().unwrap()).unwrap_err();
        assert!(error.to_string().contains("another tool"), "{error}");
    }

    #[test]
    fn only_names_that_libfuzzer_gives_are_kept() {
        let crash = format!("crash-{}", digest(b"one"));
        assert_eq!(name(&crash, b"one"), crash);
        assert!(is_finding(&crash));
        for other in ["by-hand.bin", "seed-1", &crash] {
            assert_eq!(name(other, b"two"), digest(b"two"));
        }
    }

    #[test]
    fn what_found_a_fault_stays_and_of_the_rest_the_smallest() {
        let old = inputs(&[("crash-", &[1; 50]), ("", b"old")]);
        let new = inputs(&[("", &[2; 10]), ("", &[3; 20]), ("", &[4; 30])]);
        let kept = inputs(&[("crash-", &[1; 50]), ("", &[2; 10]), ("", &[3; 20])]);
        assert_eq!(renew(old, new, 35), kept);
    }
}

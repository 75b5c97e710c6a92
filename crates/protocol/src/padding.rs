//! Padding of plaintexts to size classes, so that the relay learns a class and not a length.
//! Every plaintext has one padded form.
//! It knows no ciphertext. PROTOCOL.md "Padding".

/// The smallest class, in bytes.
const SMALLEST_CLASS: usize = 160;
/// How many classes there are, each twice the one before: the largest is 81,920 bytes, the last one whose
/// envelope fits the 96 KiB that the relay takes.
const CLASSES: u32 = 10;
/// The byte after the plaintext; zeros follow up to the class.
const MARKER: u8 = 0x80;

/// The largest plaintext that can be sealed, in bytes (the largest class less the marker).
pub const MAX_PLAINTEXT_BYTES: usize = (SMALLEST_CLASS << (CLASSES - 1)) - 1;

/// The size to which a plaintext of `length` bytes is padded, or `None` when it is too long.
pub(crate) fn padded_length(length: usize) -> Option<usize> {
    (0..CLASSES)
        .map(|class| SMALLEST_CLASS << class)
        .find(|size| length < *size)
}

/// Whether a padded plaintext can have this size.
pub(crate) fn is_class(length: usize) -> bool {
    (0..CLASSES).any(|class| SMALLEST_CLASS << class == length)
}

/// Appends `plaintext` and its padding to `buffer`; `padded` is what [`padded_length`] said.
pub(crate) fn pad_onto(buffer: &mut Vec<u8>, plaintext: &[u8], padded: usize) {
    let end = buffer.len() + padded;
    buffer.extend_from_slice(plaintext);
    buffer.push(MARKER);
    buffer.resize(end, 0);
}

/// The length of the plaintext in an authenticated, padded one; `None` unless the padding is the one that
/// [`pad_onto`] makes, so that every plaintext has one encoding.
pub(crate) fn unpadded_length(padded: &[u8]) -> Option<usize> {
    let length = padded.iter().rposition(|byte| *byte != 0)?;
    let canonical = padded[length] == MARKER && padded_length(length) == Some(padded.len());
    canonical.then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_goes_to_the_smallest_class_and_comes_back() {
        for length in (0..2_000).chain([40_959, 40_960, MAX_PLAINTEXT_BYTES]) {
            let padded = padded_length(length).expect("fits");
            assert!(is_class(padded) && padded > length);
            assert!(padded == SMALLEST_CLASS || padded / 2 <= length);
            let mut buffer = vec![7];
            pad_onto(&mut buffer, &vec![0x80; length], padded);
            assert_eq!(buffer.len(), padded + 1);
            assert_eq!(unpadded_length(&buffer[1..]), Some(length));
        }
        assert_eq!(padded_length(MAX_PLAINTEXT_BYTES + 1), None);
        for no_class in [0, 159, 161, 480, MAX_PLAINTEXT_BYTES, 163_840] {
            assert!(!is_class(no_class), "{no_class}");
        }
    }

    #[test]
    fn padding_that_we_would_not_make_is_refused() {
        let mut no_marker = [0; SMALLEST_CLASS];
        assert_eq!(unpadded_length(&no_marker), None);
        no_marker[20] = 0x81;
        assert_eq!(unpadded_length(&no_marker), None);
        let mut too_large_a_class = vec![0; SMALLEST_CLASS * 2];
        too_large_a_class[100] = MARKER;
        assert_eq!(unpadded_length(&too_large_a_class), None);
        assert_eq!(unpadded_length(&[MARKER]), None);
    }
}

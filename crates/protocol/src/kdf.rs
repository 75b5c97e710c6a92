//! HKDF-SHA-256 (RFC 5869), each call one extract and one expand. Knows no label. PROTOCOL.md "Key derivation".

use hkdf::HkdfExtract;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// HKDF with `inputs` read one after another as the input key material (so that secrets need not be copied
/// together) and `info` parts likewise.
pub(crate) fn hkdf<const N: usize>(
    salt: &[u8],
    inputs: &[&[u8]],
    info: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    let mut extract = HkdfExtract::<Sha256>::new(Some(salt));
    for input in inputs {
        extract.input_ikm(input);
    }
    let (mut prk, expand) = extract.finalize();
    prk.as_mut_slice().zeroize();
    let mut output = Zeroizing::new([0; N]);
    expand
        .expand_multi_info(info, &mut *output)
        .expect("every use asks for at most 160 bytes, HKDF gives 8,160");
    output
}

/// The `INDEX`th 32 bytes of a derivation's output.
pub(crate) fn part<const N: usize>(output: &[u8; N], index: usize) -> &[u8; 32] {
    output
        .as_chunks::<32>()
        .0
        .get(index)
        .expect("every use names a part of an output that it sized itself")
}

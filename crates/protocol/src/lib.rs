//! Pure cryptographic protocol of Pawl: PQXDH and the Double Ratchet with header encryption

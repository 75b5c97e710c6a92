//! Frames and public records that Pawl's client and relay share

//! Pawl's relay: one binary that hosts the page and moves sealed envelopes

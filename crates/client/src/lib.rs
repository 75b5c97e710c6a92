//! Pawl's client engine, a sans-I/O state machine

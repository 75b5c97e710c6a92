//! A session's stored form, field by field (PROTOCOL.md "Stored session"): to show the keys in it, and to change
//! one so that a session seals what an honest one never would.

use super::crypt::{self, array};
use super::json::{Json, hex, object};

/// The fields of one stored session.
#[derive(Clone)]
pub(super) struct Stored {
    fields: Vec<(&'static str, Vec<u8>)>,
}

struct Cursor<'a> {
    bytes: &'a [u8],
    fields: Vec<(&'static str, Vec<u8>)>,
}

impl Cursor<'_> {
    fn take(&mut self, name: &'static str, length: usize) -> Vec<u8> {
        let (head, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        self.fields.push((name, head.to_vec()));
        head.to_vec()
    }

    fn all(&mut self, fields: &[(&'static str, usize)]) {
        for (name, length) in fields {
            self.take(name, *length);
        }
    }

    fn skipped(&mut self, name: &'static str) {
        let count = u16::from_be_bytes([self.bytes[0], self.bytes[1]]);
        self.take(name, 2 + usize::from(count) * 44);
    }
}

impl Stored {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let fields = Vec::new();
        let mut cursor = Cursor { bytes, fields };
        cursor.all(&[
            ("version", 1),
            ("tag", 16),
            ("base_key", 32),
            ("associated_data", 32),
            ("peer", 164),
        ]);
        if cursor.take("initial_flag", 1) == [1] {
            cursor.take("initial_prefix", 1317);
        }
        cursor.all(&[("root_key", 32), ("next_receiving_header_key", 32)]);
        if cursor.take("sending", 1) == [1] {
            cursor.all(&[
                ("ratchet_private", 32),
                ("sending_chain_key", 32),
                ("sending_header_key", 32),
                ("next_sending_header_key", 32),
                ("sending_number", 4),
                ("previous_length", 4),
            ]);
        } else {
            cursor.all(&[
                ("due_to", 32),
                ("next_sending_header_key", 32),
                ("previous_length", 4),
            ]);
        }
        if cursor.take("receiving", 1) == [1] {
            cursor.all(&[
                ("receiving_header_key", 32),
                ("receiving_ratchet_key", 32),
                ("receiving_chain_key", 32),
                ("receiving_number", 4),
            ]);
            cursor.skipped("skipped");
        }
        let retired = cursor.take("retired_count", 1)[0];
        for _ in 0..retired {
            cursor.all(&[
                ("retired_header_key", 32),
                ("retired_ratchet_key", 32),
                ("retired_at", 8),
            ]);
            cursor.skipped("retired_skipped");
        }
        assert!(
            cursor.bytes.is_empty(),
            "a stored session was not read to its end"
        );
        Self {
            fields: cursor.fields,
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&[u8]> {
        let field = self.fields.iter().find(|(field, _)| *field == name)?;
        Some(&field.1)
    }

    pub(super) fn get(&self, name: &str) -> &[u8] {
        self.find(name).expect("the session has this field")
    }

    pub(super) fn with(mut self, name: &str, value: &[u8]) -> Self {
        let field = self.fields.iter_mut().find(|(field, _)| *field == name);
        field.expect("the session has this field").1 = value.to_vec();
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.fields
            .iter()
            .flat_map(|(_, value)| value.clone())
            .collect()
    }

    /// The root, chain and header keys, for whoever compares step by step.
    pub(super) fn keys_json(&self) -> Json {
        let names = [
            "root_key",
            "sending_chain_key",
            "sending_header_key",
            "next_sending_header_key",
            "receiving_chain_key",
            "receiving_header_key",
            "next_receiving_header_key",
        ];
        let keys = names
            .into_iter()
            .map(|name| (name, Json::from(self.find(name).map(hex))));
        Json::Object(keys.collect())
    }

    /// What the session seals its next message with: the header key, the header's 42 bytes, the message key.
    /// `ratchet_private` is what it will draw when it is due for a new chain.
    pub(super) fn next_sealing(&self, ratchet_private: Option<&[u8]>) -> Sealing {
        let (chain_key, header_key, private, number) = match ratchet_private {
            None => (
                self.get("sending_chain_key").to_vec(),
                self.get("sending_header_key"),
                self.get("ratchet_private"),
                self.get("sending_number"),
            ),
            Some(private) => {
                let shared = crypt::agree(private, self.get("due_to"));
                let label = crypt::labels::ROOT_CHAIN;
                let step = crypt::hkdf(self.get("root_key"), &shared, label, 96);
                let chain_key = step[32..64].to_vec();
                (
                    chain_key,
                    self.get("next_sending_header_key"),
                    private,
                    &[0; 4][..],
                )
            }
        };
        let key = crypt::x25519_public(private);
        let header = [&key[..], self.get("previous_length"), number, &[0, 0]].concat();
        Sealing {
            associated_data: self.get("associated_data").to_vec(),
            prefix: self.prefix(),
            header_key: array(header_key),
            header,
            message_key: crypt::chain_step(&chain_key).0,
        }
    }

    fn prefix(&self) -> Vec<u8> {
        let ratchet = || [&[1, 2, 1], self.get("tag")].concat();
        self.find("initial_prefix")
            .map_or_else(ratchet, <[u8]>::to_vec)
    }
}

/// Everything that seals one message. Changed in one place, it seals a forgery.
#[derive(Clone)]
pub(super) struct Sealing {
    pub(super) associated_data: Vec<u8>,
    /// All of the envelope before the header's nonce.
    pub(super) prefix: Vec<u8>,
    pub(super) header_key: [u8; 32],
    pub(super) header: Vec<u8>,
    pub(super) message_key: [u8; 32],
}

impl Sealing {
    pub(super) fn envelope(&self, nonces: [&[u8]; 2], padded: &[u8]) -> Vec<u8> {
        let header_data = [&self.associated_data, &self.prefix[..19]].concat();
        let header = crypt::seal(&self.header_key, nonces[0], &header_data, &self.header);
        let length = u32::try_from(padded.len() + 16).expect("short");
        let head = [
            &self.prefix,
            nonces[0],
            &header,
            nonces[1],
            &length.to_be_bytes(),
        ]
        .concat();
        let body_data = [&self.associated_data[..], &head].concat();
        let body = crypt::seal(&self.message_key, nonces[1], &body_data, padded);
        [head, body].concat()
    }

    /// The padded plaintext of an envelope that was sealed with this.
    pub(super) fn padded(&self, envelope: &[u8]) -> Vec<u8> {
        let at = self.prefix.len();
        let body_at = at + 24 + 58 + 24 + 4;
        let (head, body) = envelope.split_at(body_at);
        let nonce = &head[body_at - 28..body_at - 4];
        let body_data = [&self.associated_data[..], head].concat();
        crypt::open(&self.message_key, nonce, &body_data, body).expect("sealed with this key")
    }

    pub(super) fn with_header(&self, at: usize, bytes: &[u8]) -> Self {
        let mut changed = self.clone();
        changed.header[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    }

    pub(super) fn json(&self, padded: Json) -> Json {
        object! {
            "header_key": hex(self.header_key),
            "header": hex(&self.header),
            "message_key": hex(self.message_key),
            "padded": padded,
        }
    }
}

/// The padded form of a plaintext that is shorter than the smallest class.
pub(super) fn pad(plaintext: &[u8]) -> Vec<u8> {
    let mut padded = [plaintext, &[0x80]].concat();
    padded.resize(160, 0);
    padded
}

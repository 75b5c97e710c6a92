//! Line ends in the heads of HTTP requests: CR LF and nothing else. And no head says that a body follows.
//!
//! A line feed alone ends a line for some programs and not for others. Where a proxy and the relay do not agree, one
//! reads two requests and the other one. actix takes both, so such a line feed is made a byte that is allowed nowhere
//! in a head: what comes of it is 400, and the connection is closed. A body would be taken for heads here, or for
//! frames, behind which nothing is looked at: the relay takes none, so a head that announces one has the same end.
//! What is not a head is left alone.

/// Where in a connection's bytes one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Between two heads.
    #[default]
    Between,
    /// In a head, behind this byte.
    Line {
        has_bytes: bool,
        last: u8,
        start: Start,
    },
    /// Frames of a WebSocket, or nothing that will be understood.
    Over,
}

impl Lines {
    /// Looks at what came, in the order in which it came.
    pub(crate) fn look(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if *self == Self::Over {
                return;
            }
            *self = self.behind(*byte).unwrap_or_else(|| {
                *byte = 0;
                Self::Over
            });
        }
    }

    /// Where one is behind this byte; none where it may not be there.
    fn behind(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (
                Self::Line {
                    has_bytes,
                    last: b'\r',
                    ..
                },
                b'\n',
            ) => match has_bytes {
                true => Self::Line {
                    has_bytes: false,
                    last: b'\n',
                    start: Start::default(),
                },
                false => Self::Between,
            },
            (Self::Line { .. } | Self::Between, b'\n') => return None,
            (
                Self::Line {
                    has_bytes, start, ..
                },
                last,
            ) => Self::Line {
                has_bytes: has_bytes || last != b'\r',
                last,
                start: start.and(last)?,
            },
            (Self::Between, last @ (b'\r' | b'!'..=b'~')) => Self::Line {
                has_bytes: last != b'\r',
                last,
                start: Start::default().and(last)?,
            },
            // No head begins so, a frame does.
            (Self::Between | Self::Over, _) => Self::Over,
        })
    }
}

const CODING: &[u8; 18] = b"transfer-encoding:";
const LENGTH: &[u8] = b"content-length:";

/// How a line begins, in small letters: as much as tells whether it announces a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    bytes: [u8; CODING.len()],
    length: u8,
}

impl Start {
    /// With one byte more of the line; none where that announces a body.
    fn and(mut self, byte: u8) -> Option<Self> {
        if let Some(place) = self.bytes.get_mut(usize::from(self.length)) {
            *place = byte.to_ascii_lowercase();
            self.length += 1;
        }
        let has_length = matches!(byte, b'1'..=b'9') && self.bytes.starts_with(LENGTH);
        (!has_length && self.bytes != *CODING).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of these bytes, in pieces of each length.
    fn looked(text: &[u8]) -> Vec<u8> {
        let mut whole = text.to_vec();
        Lines::default().look(&mut whole);
        for length in 1..text.len().min(40) {
            let mut lines = Lines::default();
            let mut pieces = text.to_vec();
            pieces
                .chunks_mut(length)
                .for_each(|piece| lines.look(piece));
            assert_eq!(pieces, whole, "in pieces of {length}");
        }
        whole
    }

    #[test]
    fn heads_whose_lines_end_with_cr_lf_stay_as_they_are() {
        for text in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"\r\nget / HTTP/1.1\r\nA: \rb\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x82\x85\n\n\r\n\n\n\n",
            b"\x16\x03\x01\n\n",
            b"POST / HTTP/1.1\r\nContent-Length: 000\r\nAge: 7\r\nTransfer-Encodings: a\r\n\r\n",
        ] {
            assert_eq!(looked(text), text);
        }
    }

    #[test]
    fn a_line_feed_alone_is_no_byte_of_a_head_any_more() {
        for (text, place) in [
            (&b"GET / HTTP/1.1\nHost: a\n\n"[..], 14),
            (b"GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n", 23),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\n", 25),
            (b"\nGET / HTTP/1.1\r\n\r\n", 0),
            (b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\n\r\n", 32),
            (b"GET / HTTP/1.1\r\nA: b\r\r\n\n", 23),
        ] {
            let mut expected = text.to_vec();
            expected[place] = 0;
            assert_eq!(looked(text), expected, "{place}");
        }
    }

    /// Behind a body nothing would be looked at: its first byte may be a frame's.
    #[test]
    fn a_head_that_announces_a_body_is_none_any_more() {
        for (field, place) in [
            ("Transfer-Encoding: chunked", 17),
            ("tRANSFER-eNCODING:", 17),
            ("Content-Length: 1", 16),
            ("content-length:0020", 17),
            ("Content-Length: 0, 5", 19),
        ] {
            let line = b"HEAD / HTTP/1.1\r\n";
            let body = b"\r\n\r\n\0GET / HTTP/1.1\n\n";
            let mut expected = [&line[..], field.as_bytes(), body].concat();
            let text = expected.clone();
            expected[line.len() + place] = 0;
            assert_eq!(looked(&text), expected, "{field}");
        }
    }
}

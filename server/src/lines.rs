//! Line ends in the heads of HTTP requests: CR LF and nothing else.
//!
//! A line feed alone ends a line for some programs and not for others. Where a proxy and the relay do not agree, one
//! reads two requests and the other one. actix takes both, so such a line feed is made a byte that is allowed nowhere
//! in a head: what comes of it is 400, and the connection is closed. What is not a head is left alone.

/// Where in a connection's bytes one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lines {
    /// Between two heads.
    #[default]
    Between,
    /// In a head, behind this byte.
    Line { has_bytes: bool, last: u8 },
    /// Frames of a WebSocket, or nothing that will be understood.
    Over,
}

impl Lines {
    /// Looks at what came, in the order in which it came.
    pub(crate) fn look(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *self = match (*self, *byte) {
                (Self::Over, _) => return,
                (
                    Self::Line {
                        has_bytes,
                        last: b'\r',
                    },
                    b'\n',
                ) if has_bytes => Self::Line {
                    has_bytes: false,
                    last: b'\n',
                },
                (Self::Line { last: b'\r', .. }, b'\n') => Self::Between,
                (Self::Line { .. } | Self::Between, b'\n') => {
                    *byte = 0;
                    Self::Over
                }
                (Self::Line { has_bytes, .. }, last) => Self::Line {
                    has_bytes: has_bytes || last != b'\r',
                    last,
                },
                (Self::Between, last @ (b'\r' | b'!'..=b'~')) => Self::Line {
                    has_bytes: last != b'\r',
                    last,
                },
                // No head begins so, a frame does.
                (Self::Between, _) => Self::Over,
            };
        }
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
}

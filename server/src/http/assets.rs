//! The page: files that build/main.rs embedded, with their compressed forms and content hashes.
//!
//! Serves bytes and validators, knows no route but a file's own path. Security headers are put on
//! every response by the relay.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{
    AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, Encoding, EntityTag,
    Header, HeaderName, IfNoneMatch, VARY,
};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// One file of the page.
#[derive(Debug)]
pub struct Asset {
    /// Its path, with the leading slash.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Hexadecimal hash of its content.
    pub hash: &'static str,
    /// Its name holds its hash, so it never changes.
    pub immutable: bool,
    /// As it is.
    pub plain: &'static [u8],
    /// In Brotli, where that is smaller.
    pub brotli: Option<&'static [u8]>,
    /// In gzip, where that is smaller.
    pub gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/web_assets.rs"));

/// What a relay says that was built without its page.
const NO_PAGE: &str = "This relay was built without its page.\n\
Build everything with `cargo xtask build`, or the page alone with `npm run build` in web/\n\
and then the relay again.\n";

/// Bytes of a file that are handed to a socket at a time.
const PIECE: usize = 16 * 1024;

/// Bytes of a list in a request's head; a longer one counts as absent.
const MAX_LIST: usize = 512;

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// Hexadecimal SHA-256 of a file as it is.
pub(crate) fn sha256(file: &Asset) -> String {
    let digest = Sha256::digest(file.plain);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers a request for a file of the page.
pub(crate) fn serve(request: &HttpRequest, files: &[Asset]) -> HttpResponse {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, "GET, HEAD"))
            .content_type(TEXT)
            .body("only GET and HEAD");
    }
    let path = match request.path() {
        "/" => "/index.html",
        other => other,
    };
    match files.iter().find(|file| file.path == path) {
        Some(file) => respond(request, file),
        None if files.is_empty() && request.path() == "/" => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-cache"))
            .content_type(TEXT)
            .body(NO_PAGE),
        None => missing(),
    }
}

/// What is said where nothing stands.
pub(crate) fn missing() -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type(TEXT)
        .body("no such file")
}

fn respond(request: &HttpRequest, file: &Asset) -> HttpResponse {
    let (encoding, body) = negotiate(request, file);
    let suffix = encoding.map(|name| format!("-{name}")).unwrap_or_default();
    let tag = EntityTag::new_strong(format!("{}{suffix}", file.hash));
    let known = is_known(request, &tag);
    let status = if known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let mut response = HttpResponse::build(status);
    response
        .insert_header((CACHE_CONTROL, cache_rule(file)))
        .insert_header((VARY, "Accept-Encoding"))
        .insert_header((ETAG, tag.to_string()));
    if known {
        return response.finish();
    }
    if let Some(name) = encoding {
        response.insert_header((CONTENT_ENCODING, name));
    }
    response
        .insert_header((CONTENT_TYPE, file.content_type))
        .body(Pieces(body))
}

/// Whether a list in the head is there and short enough to be read. Parsing and ranking one costs far more than its
/// bytes: 16 ms of processor for what fits into a head. Browsers send some twenty bytes.
fn is_readable(request: &HttpRequest, list: &HeaderName) -> bool {
    let lines = request.headers().get_all(list);
    let length: usize = lines.map(|line| line.len() + 1).sum();
    (1..=MAX_LIST).contains(&length)
}

/// A file in pieces, so that whoever does not read holds one of them in memory and not the file.
struct Pieces(&'static [u8]);

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let (piece, rest) = self.0.split_at(self.0.len().min(PIECE));
        self.0 = rest;
        Poll::Ready((!piece.is_empty()).then(|| Ok(Bytes::from_static(piece))))
    }
}

fn cache_rule(file: &Asset) -> &'static str {
    if file.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

/// The smallest form that the client takes.
fn negotiate(request: &HttpRequest, file: &Asset) -> (Option<&'static str>, &'static [u8]) {
    let accepted = is_readable(request, &header::ACCEPT_ENCODING)
        .then(|| AcceptEncoding::parse(request).ok())
        .flatten();
    let takes = |encoding: Encoding| {
        let offered = [encoding.clone()];
        accepted
            .as_ref()
            .is_some_and(|accepted| accepted.negotiate(offered.iter()) == Some(encoding))
    };
    if let Some(bytes) = file.brotli.filter(|_| takes(Encoding::brotli())) {
        return (Some("br"), bytes);
    }
    if let Some(bytes) = file.gzip.filter(|_| takes(Encoding::gzip())) {
        return (Some("gzip"), bytes);
    }
    (None, file.plain)
}

fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    if !is_readable(request, &header::IF_NONE_MATCH) {
        return false;
    }
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    static FILE: [u8; 2 * PIECE + 1] = {
        let mut file = [0; 2 * PIECE + 1];
        file[PIECE] = 1;
        file[2 * PIECE] = 2;
        file
    };

    #[test]
    fn a_file_goes_out_whole_and_in_pieces() {
        let mut pieces = Pieces(&FILE);
        assert_eq!(pieces.size(), BodySize::Sized(FILE.len() as u64));
        let mut whole = Vec::new();
        let mut next = || {
            let next = std::future::poll_fn(|cx| Pin::new(&mut pieces).poll_next(cx));
            next.now_or_never().flatten()
        };
        while let Some(Ok(piece)) = next() {
            assert!(piece.len() <= PIECE);
            whole.extend_from_slice(&piece);
        }
        assert_eq!(whole, FILE);
    }
}

//! One file after another over HTTP, as it comes: no redirect is followed, nothing is asked for in a compressed form,
//! and everything has a bound.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Error};

use crate::clock;

/// Largest file, in bytes: the page's largest has one.
const MAX_BODY: u64 = 8 * 1024 * 1024;
/// Largest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// How many times one file's time all of them have.
const ALL: u64 = 10;

/// What came for a path.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: ureq::http::HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A header's value; one that comes several times is one list.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let lines = self.headers.get_all(name).iter();
        let lines: Vec<_> = lines
            .map(|line| String::from_utf8_lossy(line.as_bytes()).trim().to_owned())
            .collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }
}

pub(super) struct Client {
    agent: Agent,
    timeout: Duration,
    deadline: Instant,
}

impl Client {
    /// `timeout`: seconds for one file; all of them have ten times as many.
    pub(super) fn new(timeout: u64) -> Self {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(system_roots())
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .accept_encoding("")
            .max_response_header_size(MAX_HEAD)
            .user_agent(concat!("pawl/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.new_agent(),
            timeout: Duration::from_secs(timeout),
            deadline: clock::deadline(timeout.saturating_mul(ALL)),
        }
    }

    /// What comes for an address; an error is a line that says why nothing can be compared.
    pub(super) fn get(&self, url: &str) -> Result<Answer, String> {
        let left = self
            .deadline
            .saturating_duration_since(clock::deadline(0))
            .min(self.timeout);
        let failed = |error| format!("{url}: {}", reason(&error));
        if left.is_zero() {
            return Err(format!(
                "{url}: no time is left; --timeout gives each file more"
            ));
        }
        let request = self.agent.get(url).config().timeout_global(Some(left));
        let answer = request.build().call().map_err(failed)?;
        let (head, mut body) = answer.into_parts();
        let status = head.status.as_u16();
        if status == 429 || status >= 500 {
            return Err(format!("{url}: the server answers {}", head.status));
        }
        let body = body.with_config().limit(MAX_BODY).read_to_vec();
        Ok(Answer {
            status,
            headers: head.headers,
            body: body.map_err(failed)?,
        })
    }
}

/// The certificates that the system trusts, as for the relay's socket.
fn system_roots() -> RootCerts {
    let found = rustls_native_certs::load_native_certs();
    let roots = found.certs.iter();
    let roots = roots.map(|root| Certificate::from_der(root).to_owned());
    RootCerts::Specific(Arc::new(roots.collect()))
}

fn reason(error: &Error) -> String {
    match error {
        Error::Timeout(_) => "no answer in time".to_owned(),
        Error::BodyExceedsLimit(_) => {
            format!("more than {MAX_BODY} bytes come, which no file of a page has")
        }
        error => error.to_string(),
    }
}

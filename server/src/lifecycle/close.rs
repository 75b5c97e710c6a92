//! How a relay goes down: connections say goodbye, then the server stops.

use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use futures_util::{Stream, StreamExt};

use crate::admission::Admission;

/// How long connections may take to say goodbye; then they are cut.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(8);

/// How often the end of the last connection is looked for.
const CLOSE_POLL: Duration = Duration::from_millis(20);

/// Ends all connections and the server; one more of `signals` cuts the goodbyes short.
pub(crate) async fn close(
    admission: &Admission,
    server: &ServerHandle,
    mut signals: Pin<&mut impl Stream<Item = ()>>,
) {
    admission.close();
    let all_gone = async {
        while admission.open_connections() > 0 {
            tokio::time::sleep(CLOSE_POLL).await;
        }
    };
    tokio::select! {
        gone = tokio::time::timeout(CLOSE_TIMEOUT, all_gone) => {
            if gone.is_err() {
                tracing::warn!("some connections did not close in time");
            }
            server.stop(true).await;
        }
        _ = signals.next() => {
            tracing::warn!("another signal: the connections are cut");
            server.stop(false).await;
        }
    }
}

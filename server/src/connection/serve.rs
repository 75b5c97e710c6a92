//! The life of a connection: it authenticates, is served, and hears the last word.

use std::sync::Arc;

use super::authenticate::{self, Peer};
use super::outgoing::End;
use super::session;
use super::socket::Socket;
use crate::limits::places::Place;
use crate::state::Relay;

pub(super) async fn serve(
    relay: Arc<Relay>,
    peer: Box<Peer>,
    mut socket: Box<Socket>,
    mut place: Place,
) {
    // What is needed for a moment only does not lie in a connection's memory for hours.
    let admitted = {
        let mut closing = relay.admission().closing();
        tokio::select! {
            admitted = Box::pin(authenticate::admit(&relay, &peer, &mut socket, &mut place)) => admitted,
            _ = closing.wait_for(|closing| *closing) => Err(End::Restart),
        }
    };
    let end = match admitted {
        Ok(admitted) => {
            drop(peer);
            session::Connection::new(&relay, &mut socket, admitted)
                .run()
                .await
        }
        Err(end) => end,
    };
    let Socket { reader, out } = *socket;
    Box::pin(out.finish(end)).await;
    // Read no further: what the peer still sends is discarded with the connection.
    drop(reader);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_task<A, B, C, D, F: Future>(_: fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    /// What a connection's task holds it holds for hours, 9,000 times: what is needed for a moment belongs on the heap.
    #[test]
    fn a_connections_task_is_small() {
        let (task, socket) = (size_of_task(serve), size_of::<Socket>());
        assert!(task <= 1_280, "{task}");
        assert!(socket <= 136, "{socket}");
    }
}

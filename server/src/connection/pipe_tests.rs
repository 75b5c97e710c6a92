//! The pipe's laws: order, a bound on what waits, no memory while it is quiet, and each end hears of the other's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use super::*;

/// A task that notes when it is woken.
#[derive(Default)]
struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Task {
    fn was_woken(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    fn poll<F: Future>(self: &Arc<Self>, future: F) -> Poll<F::Output> {
        let mut future = Box::pin(future);
        future
            .as_mut()
            .poll(&mut Context::from_waker(&Arc::clone(self).into()))
    }

    fn take(self: &Arc<Self>, body: &mut Body) -> Poll<Option<Bytes>> {
        let waker = Arc::clone(self).into();
        let taken = Pin::new(body).poll_next(&mut Context::from_waker(&waker));
        taken.map(|taken| taken.map(|bytes| bytes.expect("it cannot fail")))
    }
}

#[test]
fn frames_come_out_in_order_and_a_quiet_pipe_holds_nothing() {
    let (sender, mut body) = pipe();
    let socket = Arc::<Task>::default();
    assert_eq!(socket.take(&mut body), Poll::Pending);
    sender.put(OpCode::Binary, b"one");
    sender.put(OpCode::Pong, b"two");
    assert!(socket.was_woken());
    let frames = [&[0x82, 3][..], b"one", &[0x8a, 3], b"two"].concat();
    assert_eq!(
        socket.take(&mut body),
        Poll::Ready(Some(Bytes::from(frames)))
    );
    assert_eq!(socket.take(&mut body), Poll::Pending);
    assert_eq!(sender.0.borrow().waiting.capacity(), 0);
    sender.put(OpCode::Binary, b"three");
    assert!(socket.was_woken());
}

#[test]
fn a_socket_that_takes_nothing_holds_its_sender_back() {
    let (sender, mut body) = pipe();
    let (task, socket) = (Arc::<Task>::default(), Arc::<Task>::default());
    let frame = vec![7; 20_000];
    let mut frames = 0;
    while task.poll(sender.room()).is_ready() {
        sender.put(OpCode::Binary, &frame);
        frames += 1;
        assert!(frames < 100, "without end");
    }
    let most = MAX_WAITING + frame.len() + 10;
    assert!(sender.0.borrow().waiting.len() <= most);
    assert!(!task.was_woken());
    assert!(socket.take(&mut body).is_ready());
    assert!(task.was_woken(), "it may look again");
    let mut came = PIECE;
    while task.poll(sender.room()).is_pending() {
        let Poll::Ready(Some(piece)) = socket.take(&mut body) else {
            panic!("nothing came");
        };
        came += piece.len();
    }
    assert!(came <= frame.len(), "room comes piece by piece: {came}");
}

#[test]
fn what_is_large_comes_out_in_small_pieces_and_whole() {
    let (sender, mut body) = pipe();
    let socket = Arc::<Task>::default();
    let payload: Vec<u8> = (0..30_000u16)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    sender.put(OpCode::Binary, &payload);
    sender.put(OpCode::Pong, b"behind it");
    drop(sender);
    let mut came = Vec::new();
    while let Poll::Ready(Some(piece)) = socket.take(&mut body) {
        assert!(!piece.is_empty() && piece.len() <= PIECE, "{}", piece.len());
        came.extend_from_slice(&piece);
    }
    assert_eq!(body.0.borrow().waiting.capacity(), 0);
    let head = [0x82, 126, 0x75, 0x30];
    let frames = [&head[..], &payload, &[0x8a, 9], b"behind it"].concat();
    assert_eq!(came, frames);
}

#[test]
fn a_connection_that_is_done_ends_the_body_behind_its_last_frame() {
    let (sender, mut body) = pipe();
    let socket = Arc::<Task>::default();
    assert_eq!(socket.take(&mut body), Poll::Pending);
    sender.close(CloseCode::Normal);
    assert!(socket.was_woken());
    let close = Bytes::from_static(&[0x88, 2, 0x03, 0xe8]);
    assert_eq!(socket.take(&mut body), Poll::Ready(Some(close)));
    assert_eq!(socket.take(&mut body), Poll::Ready(None));

    let (sender, mut body) = pipe();
    assert_eq!(socket.take(&mut body), Poll::Pending);
    drop(sender);
    assert!(socket.was_woken());
    assert_eq!(socket.take(&mut body), Poll::Ready(None));
}

#[test]
fn a_sender_hears_that_the_socket_is_gone_also_while_it_waits() {
    let (sender, body) = pipe();
    let task = Arc::<Task>::default();
    sender.put(OpCode::Binary, &vec![0; MAX_WAITING]);
    assert!(task.poll(sender.room()).is_pending());
    drop(body);
    assert!(task.was_woken());
    assert_eq!(task.poll(sender.room()), Poll::Ready(Err(Gone)));
    assert_eq!(sender.0.borrow().waiting.capacity(), 0);
}

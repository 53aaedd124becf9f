//! A stream that says since when its client has not taken what was written.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Since when a write waits for the client; `None` if none does.
#[derive(Clone, Debug, Default)]
pub struct UnreadSince(Rc<Cell<Option<Instant>>>);

impl UnreadSince {
    /// Since when.
    pub fn get(&self) -> Option<Instant> {
        self.0.get()
    }

    fn note<T>(&self, poll: Poll<T>) -> Poll<T> {
        match poll {
            Poll::Pending if self.0.get().is_none() => self.0.set(Some(Instant::now())),
            Poll::Pending => {}
            Poll::Ready(_) => self.0.set(None),
        }
        poll
    }
}

/// A stream that notes when its client does not read.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    unread_since: UnreadSince,
}

impl<S> Watched<S> {
    /// The stream, noting to `unread_since`.
    pub fn new(stream: S, unread_since: UnreadSince) -> Self {
        Self { stream, unread_since }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, out)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.unread_since.note(poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        self.unread_since.note(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.unread_since.note(poll)
    }
}

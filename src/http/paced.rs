//! A stream whose writes must make progress: hyper has no limit on a client that stops reading.
//!
//! It speaks hyper's traits itself, so that answers go out as head and shared body in one vectored write; through
//! `smol_hyper::FuturesIo`, hyper copies each answer into a buffer of its connection first.

use hyper::rt::{Read, ReadBufCursor, Write};
use smol::Timer;
use smol::io::{AsyncRead, AsyncWrite};
use std::cell::Cell;
use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A stream that fails with `TimedOut` when a write waits longer than a limit without taking a byte.
pub struct Paced<S> {
    stream: S,
    limit: Duration,
    waiting: Option<Timer>,
    /// Whether the last write could not go on; shared with whoever drives the stream.
    blocked: Rc<Cell<bool>>,
}

impl<S: AsyncWrite + Unpin> Paced<S> {
    /// Wraps `stream`; `blocked` tells whether the last write had to wait.
    pub fn new(stream: S, limit: Duration, blocked: Rc<Cell<bool>>) -> Self {
        Paced { stream, limit, waiting: None, blocked }
    }

    fn pace(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        // The timer goes first: the wake-up it caused must not end in one more try and another full wait.
        if let Some(timer) = &mut self.waiting
            && Pin::new(timer).poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let written = write(Pin::new(&mut self.stream), cx);
        self.blocked.set(written.is_pending());
        if written.is_ready() {
            self.waiting = None;
        } else if self.waiting.is_none() {
            let mut timer = Timer::after(self.limit);
            let _ = Pin::new(&mut timer).poll(cx);
            self.waiting = Some(timer);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.pace(cx, |stream, cx| stream.poll_write(cx, from))
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pace(cx, |stream, cx| stream.poll_write_vectored(cx, from))
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

impl<S: AsyncRead + Unpin> Read for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Requests are small; the copy is what a safe way into hyper's buffer costs.
        let mut piece = [0; 2048];
        let room = into.remaining().min(piece.len());
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece[..room]))?;
        into.put_slice(&piece[..read]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(self, cx, from)
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write_vectored(self, cx, from)
    }
    fn is_write_vectored(&self) -> bool {
        true
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(self, cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_close(self, cx)
    }
}

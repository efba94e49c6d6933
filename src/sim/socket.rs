//! The listening socket, and connections that can be broken on purpose: with a real RST, or in the middle of a body.
//!
//! A handler cannot break the connection that its answer goes to, so it leaves an order on the connection's [`Link`];
//! the connection obeys when the answer is written.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::stats::Counters;

/// Connections waiting to be accepted: as many as a load test opens at once.
const BACKLOG: i32 = 4096;
/// Wait after a failed accept, such as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A listening socket, and the address it got.
pub(super) fn bind(addr: SocketAddr) -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = std::net::TcpListener::from(socket);
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

/// Accepts connections and counts them.
pub(super) struct Door {
    pub(super) listener: TcpListener,
    pub(super) counters: Arc<Counters>,
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((tcp, addr)) => {
                    self.counters.connected();
                    // Small answers must not wait for a full segment; without it they are only slower.
                    let _ = tcp.set_nodelay(true);
                    return (Connection { tcp, link: Link::default(), left: None }, addr);
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Nothing ordered.
const WHOLE: usize = 0;
/// Break with a RST.
const RESET: usize = 1;
/// This and more: end after that many bytes of the body.
const CUT: usize = 2;

/// A handler's hold on the connection it answers on.
#[derive(Debug, Clone, Default)]
pub(super) struct Link(Arc<AtomicUsize>);

impl Link {
    /// Instead of writing the answer, break the connection with a RST.
    pub(super) fn reset(&self) {
        self.0.store(RESET, Relaxed);
    }

    /// End the connection after that many bytes of the answer's body.
    pub(super) fn cut(&self, body: usize) {
        self.0.store(CUT + body, Relaxed);
    }
}

impl Connected<IncomingStream<'_, Door>> for Link {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().link.clone()
    }
}

/// A connection that obeys its [`Link`].
pub(super) struct Connection {
    tcp: TcpStream,
    link: Link,
    /// Bytes still to be written before a cut.
    left: Option<usize>,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.link.0.load(Relaxed) {
            WHOLE => Pin::new(&mut self.tcp).poll_write(cx, buf),
            RESET => {
                // Closing a socket that does not linger sends a RST; the server closes after a failed write.
                SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO))?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            order => {
                let left = self.left.unwrap_or_else(|| head_length(buf) + (order - CUT));
                if left == 0 {
                    return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                }
                let part = buf.get(..left).unwrap_or(buf);
                let written = std::task::ready!(Pin::new(&mut self.tcp).poll_write(cx, part))?;
                self.left = Some(left - written);
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
    // Not vectored: the server then writes head and body in one piece, in which a cut can be counted.
}

/// Bytes up to and including the blank line after the headers.
fn head_length(buf: &[u8]) -> usize {
    buf.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4)
}

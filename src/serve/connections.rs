//! Connections: so many at once, each with its time for the head of a request, and none broken off that is at work.
//!
//! Where all places are taken and another connection waits for one, idle connections make room: the one that has waited
//! longest for a head, or has not taken a byte of its answer for longest, is closed after [`PRESSED`] already. A connection
//! whose request is being answered is never closed.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Wait after a failed accept, such as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Time that an idle connection keeps its place while another one waits for a place.
const PRESSED: Duration = Duration::from_secs(1);

/// Bounds of connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// At once; more wait to be accepted.
    pub(super) most: usize,
    /// Time for the head of a request, from the moment that the connection waits for it.
    pub(super) head: Duration,
}

/// Answer connections by this router until `stopped`; then take no further one, and wait for those that are at work.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    stopped: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.head);
    let room = Arc::new(Semaphore::new(bounds.most));
    let seats = Seats::default();
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    tokio::pin!(stopped);
    loop {
        let accepted = async {
            let tcp = accept(&listener).await;
            (tcp, place(&room, &seats).await)
        };
        let (tcp, place) = tokio::select! {
            biased;
            () = &mut stopped => break,
            accepted = accepted => accepted,
        };
        let seat = seats.take();
        let (at_work, answers) = (Arc::clone(&seat.seat), TowerToHyperService::new(router.clone()));
        let service = service_fn(move |request| {
            let working = Working::begins(&at_work);
            let answered = answers.call(request);
            async move {
                let response = answered.await;
                drop(working);
                response
            }
        });
        let io = TokioIo::new(Watched { tcp, seat: Arc::clone(&seat.seat) });
        let connection = graceful.watch(http.serve_connection(io, service));
        open.spawn(async move {
            tokio::pin!(connection);
            tokio::select! {
                biased;
                // A connection that breaks is its caller's loss.
                _ = &mut connection => {}
                () = seat.seat.told_to_go() => {}
            }
            drop((seat, place));
        });
        while open.try_join_next().is_some() {}
    }
    // Whoever comes now is refused by the system, not left waiting.
    drop(listener);
    graceful.shutdown().await;
    while open.join_next().await.is_some() {}
}

/// A place for a connection that has come; idle ones make room for it.
async fn place(room: &Arc<Semaphore>, seats: &Seats) -> Option<OwnedSemaphorePermit> {
    loop {
        let free = Arc::clone(room).acquire_owned();
        // A place that is free is taken without a look at the others; the room is never closed.
        let wait = if room.available_permits() > 0 { PRESSED } else { seats.make_room() };
        if let Ok(place) = tokio::time::timeout(wait, free).await {
            return place.ok();
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                // Small answers must not wait for a full segment; without it they are only slower.
                let _ = tcp.set_nodelay(true);
                return tcp;
            }
            // The caller is gone already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!("a connection cannot be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// All open connections.
#[derive(Clone, Default)]
struct Seats(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    seats: HashMap<u64, Arc<Seat>>,
    next: u64,
}

/// One connection among them, until it is dropped.
struct InSeat {
    seats: Seats,
    id: u64,
    seat: Arc<Seat>,
}

/// The state of one connection.
struct Seat {
    /// Since when it waits for its caller; nothing while its request is being answered.
    idle_since: Mutex<Option<Instant>>,
    go: Notify,
}

impl Seats {
    fn take(&self) -> InSeat {
        let seat = Arc::new(Seat { idle_since: Mutex::new(Some(Instant::now())), go: Notify::new() });
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = taken.next;
        taken.next += 1;
        taken.seats.insert(id, Arc::clone(&seat));
        InSeat { seats: self.clone(), id, seat }
    }

    /// Tell the connection that has been idle longest to go, where that is long enough; how long to wait before another
    /// look.
    fn make_room(&self) -> Duration {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = taken.seats.values().filter_map(|seat| Some((seat.idle_since()?, seat)));
        let Some((since, seat)) = idle.min_by_key(|(since, _)| *since) else { return PRESSED };
        let left = PRESSED.saturating_sub(since.elapsed());
        if left.is_zero() {
            seat.go.notify_one();
            return PRESSED;
        }
        left
    }
}

impl Drop for InSeat {
    fn drop(&mut self) {
        self.seats.0.lock().unwrap_or_else(PoisonError::into_inner).seats.remove(&self.id);
    }
}

impl Seat {
    fn idle_since(&self) -> Option<Instant> {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, idle_since: Option<Instant>) {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = idle_since;
    }

    /// Until it is told to go and is still idle.
    async fn told_to_go(&self) {
        loop {
            self.go.notified().await;
            if self.idle_since().is_some_and(|since| since.elapsed() >= PRESSED) {
                return;
            }
        }
    }
}

/// A request at work on a connection, until its response is there.
struct Working(Arc<Seat>);

impl Working {
    fn begins(seat: &Arc<Seat>) -> Self {
        seat.set(None);
        Self(Arc::clone(seat))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.set(Some(Instant::now()));
    }
}

/// A connection that notes when its caller takes bytes.
struct Watched {
    tcp: TcpStream,
    seat: Arc<Seat>,
}

impl Watched {
    /// A caller that takes its answer, however slowly, is not idle.
    fn noted(&self, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(wrote, Poll::Ready(Ok(bytes)) if bytes > 0) && self.seat.idle_since().is_some() {
            self.seat.set(Some(Instant::now()));
        }
        wrote
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.noted(wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.tcp).poll_write_vectored(context, pieces);
        self.noted(wrote)
    }
}

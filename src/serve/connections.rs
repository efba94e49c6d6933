//! Connections: so many at once, each with its time to say what it wants, and none broken off that is at work.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Wait after a failed accept, such as when file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

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
    let graceful = GracefulShutdown::new();
    let mut open = JoinSet::new();
    tokio::pin!(stopped);
    loop {
        let accepted = async {
            // Nobody closes the room.
            let place = Arc::clone(&room).acquire_owned().await.ok();
            (accept(&listener).await, place)
        };
        let (tcp, place) = tokio::select! {
            biased;
            () = &mut stopped => break,
            (tcp, place) = accepted => (tcp, place),
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(tcp), service));
        open.spawn(async move {
            // A connection that breaks is its caller's loss.
            let _ = connection.await;
            drop(place);
        });
        while open.try_join_next().is_some() {}
    }
    // Whoever comes now is refused by the system, not left waiting.
    drop(listener);
    graceful.shutdown().await;
    while open.join_next().await.is_some() {}
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

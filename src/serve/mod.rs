//! `llmx serve`: pinned tasks over HTTP, by the code that the evals measure.
//!
//! ```text
//!  request id ──> key ──> rate ──> room ──> body, JSON ──> task ──> idempotency ──> answer, checked
//!                 401     429      503      400 408 413    403 404  422 (another    422 input, 502 answer,
//!                                           415                     body)           503 provider
//! ```
//!
//! Every error is `application/problem+json` (RFC 9457) with the request's id and no internals. Every request leaves a
//! span and an access line with that id. Told to stop, the service
//! says so at `/readyz` for as long as it was told to linger, then takes no further connection, answers what it has accepted
//! and what its jobs have asked about, and ends.
//!
//! Reading order: [`keys`], `problem`, `limits`, `idempotency`, `metrics`, `openapi`, `access` (the log of requests),
//! `handle` (a request from arrival to answer), `connections` (that requests arrive on).

mod access;
mod at_work;
mod connections;
mod handle;
mod idempotency;
pub mod jobs;
pub mod keys;
mod limits;
mod metrics;
mod openapi;
mod problem;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::host::{self, Signals};
use crate::llm::stack::Ids;
use crate::production::Production;
use crate::telemetry::Telemetry;
use access::Log;
use connections::Bounds;
use handle::App;
use jobs::{Jobs, Loader};
use keys::Keys;
pub use metrics::Spending;

/// Tells why answers cannot be stored now; nothing where they can.
pub type Unkept = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// Bytes of the largest body.
    pub max_body: usize,
    /// Bytes of the inputs of one job.
    pub max_job: usize,
    /// Time for a request's body, and then for its answer.
    pub timeout: Duration,
    /// Time for the head of a request, from the moment that its connection waits for it. Where all connections are taken,
    /// the one that waits longest is closed after a second already.
    pub head_timeout: Duration,
    /// Connections at once; more wait until one is free.
    pub max_connections: usize,
    /// Requests at work at the same time; more are told to come again.
    pub max_in_flight: usize,
    /// Inputs of a job at the same time; none: half of the pinned model's `in_flight`, 8 where it has none.
    pub job_inputs: Option<usize>,
    /// Requests a second of one key; none: no limit.
    pub rate: Option<u32>,
    /// Time for which a service that was told to stop still takes requests, and says at `/readyz` that it will end: who
    /// sends requests needs some time to notice.
    pub linger: Duration,
    /// Time that accepted requests, and inputs of jobs that were asked about, have then.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            max_body: 1 << 20,
            max_job: 64 << 20,
            timeout: Duration::from_secs(120),
            head_timeout: Duration::from_secs(75),
            max_connections: 512,
            max_in_flight: 256,
            job_inputs: None,
            rate: None,
            linger: Duration::ZERO,
            drain: Duration::from_secs(30),
        }
    }
}

/// Why the service did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Anybody could ask, and somebody pays.
    #[error("{0} can be reached from other machines, and there are no keys")]
    NoKeys(IpAddr),
    /// The address cannot be had.
    #[error("cannot listen on {addr}: {error}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The system's reason.
        error: io::Error,
    },
    /// Requests were still at work when the time to end was over.
    #[error("requests, or inputs of jobs, were still at work after {0:?}")]
    Undrained(Duration),
    /// No runtime, or the listener broke.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Serve until the program is told to stop; jobs are kept in a folder. `ready` hears the address.
///
/// # Errors
/// See [`ServeError`].
pub fn run(
    tasks: Vec<Production>,
    keys: Keys,
    (folder, loader): (PathBuf, Loader),
    (spending, unkept): (Spending, Unkept),
    telemetry: Telemetry,
    options: Options,
    ready: impl FnOnce(&str),
) -> Result<(), ServeError> {
    if !options.listen.ip().is_loopback() && keys.is_empty() {
        return Err(ServeError::NoKeys(options.listen.ip()));
    }
    let addr = options.listen;
    let listener = TcpListener::bind(addr).map_err(|error| ServeError::Bind { addr, error })?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Listens for signals before anybody can know that the service is there.
        let mut signals = Signals::new()?;
        let (linger, drain) = (options.linger, options.drain);
        let tasks: BTreeMap<String, Production> =
            tasks.into_iter().map(|task| (task.name().to_owned(), task.within(options.timeout))).collect();
        let (halt, halted) = tokio::sync::watch::channel(false);
        let clock = host::clock();
        let log = Arc::new(Log { telemetry, ids: Ids::new(&clock.run_id()), clock });
        let (jobs, worker) = Jobs::open(folder, (loader, Arc::clone(&log)), options.job_inputs, halted);
        // Ends with the service; what it has not asked about goes on after the next start.
        let mut background = tokio::task::JoinSet::new();
        background.spawn(worker.work());
        let bounds = Bounds { most: options.max_connections, head: options.head_timeout };
        let app = Arc::new(App::new(tasks, keys, jobs, log, (spending, unkept), options));
        let listener = tokio::net::TcpListener::from_std(listener)?;
        ready(&format!("http://{}", listener.local_addr()?));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = connections::serve(listener, handle::router(Arc::clone(&app)), bounds, async {
            let _ = stopped.await;
        });
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => return Ok(()),
            () = signals.told() => {}
        }
        app.drain();
        let _ = halt.send(true);
        tokio::select! {
            () = &mut serving => {}
            () = tokio::time::sleep(linger) => {}
            () = signals.told() => {}
        }
        drop(stop);
        let at_rest = async {
            tokio::select! {
                // Answers outlive the connections of callers who hung up.
                () = &mut serving => app.at_rest().await,
                // Connections that have asked nothing are nobody's loss.
                () = quiet(&app) => {}
            }
            while background.join_next().await.is_some() {}
        };
        tokio::select! {
            () = at_rest => Ok(()),
            () = tokio::time::sleep(drain) => Err(ServeError::Undrained(drain)),
            () = signals.told() => Err(ServeError::Undrained(Duration::ZERO)),
        }
    })
}

/// Time for the last bytes of an answer to go out.
const FLUSH: Duration = Duration::from_secs(1);

/// Until no request is at work, and what was answered is on its way.
async fn quiet(app: &App) {
    app.at_rest().await;
    tokio::time::sleep(FLUSH).await;
    // One that came meanwhile on a connection that was open.
    app.at_rest().await;
}

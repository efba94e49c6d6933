//! `llmx sim`: a local model server that speaks the real wire protocols, for tests, demos and load runs.
//!
//! It answers with the embedded models of this product or with a fixed text, and can be told to be slow, to fail, to
//! break connections, to change its model in silence or to get worse. What it says is **simulated, not an LLM**, and
//! every answer says so: by the served model `<requested>-simulated` and the fingerprint `fp_llmx_sim`.
//!
//! The answer to a request is a pure function of the seed, of the request, and of how many answers the same request
//! got before: the wire has no sample number, so the server counts. Faults and jitter follow from the seed and the
//! arrival number.
//!
//! Reading order: `options`, `serve` (a request from arrival to answer), `route`, `wire` (the protocols), `brain`,
//! `fault`, `stats`, `socket`.
//!
//! It does not stream, call tools, look at images, check signatures or speak TLS. It opens a listening socket and
//! nothing else.

mod brain;
mod fault;
mod options;
mod route;
mod serve;
mod socket;
mod stats;
mod wire;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::handler::Handler as _;
use tokio::sync::oneshot;

use crate::host::{self, Signals};
use crate::llm::Error;

pub(crate) use fault::share;
pub use fault::{Fault, Kind, Outage};
pub use options::{Drift, Options, Switch, Voice};
pub use stats::Stats;

use brain::Brain;
use serve::App;
use socket::{Door, Link};
use stats::Counters;

/// Time that requests under way have to end when the program is told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Other machines would reach it.
    #[error("{0} can be reached from other machines, and nothing here is encrypted")]
    NotLoopback(IpAddr),
    /// The address cannot be had.
    #[error("cannot listen on {addr}: {error}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The system's reason.
        error: io::Error,
    },
    /// Faults for more requests than there are.
    #[error("the rates of all faults add up to {0}, which is more than 1")]
    TooManyFaults(f64),
    /// An embedded model cannot work as told.
    #[error("{}", brain_text(.0))]
    Brain(Error),
    /// No thread or no runtime.
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// Only the labels of `--answers` can be wrong; the name of the model behind it says nothing to anybody.
fn brain_text(error: &Error) -> String {
    match error {
        Error::Config { message, .. } => format!("--answers: {message}"),
        other => other.to_string(),
    }
}

impl StartError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotLoopback(_) => Some("--allow-remote if that is meant"),
            Self::Bind { error, .. } if error.kind() == io::ErrorKind::AddrInUse => {
                Some("another program has this port; --port 0 takes any free one")
            }
            Self::Brain(Error::NotBuilt(_)) => Some("--answers FILE or --answer TEXT say what to answer"),
            Self::Bind { .. } | Self::TooManyFaults(_) | Self::Brain(_) | Self::Io(_) => None,
        }
    }
}

/// A running server on a thread of its own. Dropped, it stops at once.
#[derive(Debug)]
pub struct Sim {
    addr: SocketAddr,
    counters: Arc<Counters>,
    /// Says how long requests under way may take to end.
    stop: Option<oneshot::Sender<Duration>>,
    thread: Option<JoinHandle<()>>,
}

impl Sim {
    /// Start a server. It accepts connections when this returns.
    ///
    /// # Errors
    /// What was chosen cannot work, or the address is taken.
    pub fn start(options: Options) -> Result<Self, StartError> {
        if !options.listen.is_loopback() && !options.allow_remote {
            return Err(StartError::NotLoopback(options.listen));
        }
        let rates: f64 = options.faults.iter().map(|fault| fault.rate).sum();
        // Tenths do not add up to exactly one.
        if rates > 1.0 + 1e-9 {
            return Err(StartError::TooManyFaults(rates));
        }
        let brain = Brain::new(&options).map_err(StartError::Brain)?;
        let addr = SocketAddr::new(options.listen, options.port);
        let (listener, addr) = socket::bind(addr).map_err(|error| StartError::Bind { addr, error })?;
        let counters = Arc::new(Counters::default());
        let app = Arc::new(App::new(options, brain, Arc::clone(&counters), host::clock()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("llmx-sim".to_owned()).spawn(move || {
            // An error would come from a listener that cannot be registered: the clients will see it.
            let _ = runtime.block_on(serve(app, listener, stopped));
        })?;
        Ok(Self { addr, counters, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:PORT`, to which `OpenAI` clients add `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The counters as they stand.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.counters.read()
    }

    /// Accept nothing more, and stop when what is under way has ended or `grace` is over.
    pub fn stop(mut self, grace: Duration) {
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        if let Some(stop) = self.stop.take() {
            // Fails when the server has ended by itself.
            let _ = stop.send(grace);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

async fn serve(app: Arc<App>, listener: TcpListener, stopped: oneshot::Receiver<Duration>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let door = Door { listener, counters: Arc::clone(&app.counters) };
    let service = serve::handle.with_state(app).into_make_service_with_connect_info::<Link>();
    let (close, closed) = oneshot::channel::<()>();
    let serving = axum::serve(door, service).with_graceful_shutdown(async {
        let _ = closed.await;
    });
    let told = async {
        let grace = stopped.await.unwrap_or_default();
        drop(close);
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        result = serving => result,
        () = told => Ok(()),
    }
}

/// Run a server until Ctrl-C or SIGTERM, or until standard input closes if that is asked for. `ready` hears its
/// address.
///
/// # Errors
/// The server did not start.
pub fn run(options: Options, until_stdin_closes: bool, ready: impl FnOnce(&str)) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let end = runtime.block_on(async {
        // Listens for signals before anybody can know that the server is there.
        let mut signals = Signals::new()?;
        let sim = Sim::start(options)?;
        ready(&sim.base_url());
        let stdin = stdin_closed(until_stdin_closes)?;
        tokio::select! {
            () = signals.told() => {}
            _ = stdin => {}
        }
        Ok::<_, StartError>(sim)
    })?;
    end.stop(GRACE);
    Ok(())
}

/// Completes at the end of standard input; never, if nobody waits for that.
fn stdin_closed(wanted: bool) -> io::Result<impl Future<Output = ()>> {
    let (closed, end) = oneshot::channel::<()>();
    if wanted {
        // Reading blocks, so it has a thread of its own, which ends with the program.
        std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            let _ = closed.send(());
        })?;
        return Ok(wait(end, None));
    }
    Ok(wait(end, Some(closed)))
}

/// `kept` keeps the channel open for ever.
async fn wait(end: oneshot::Receiver<()>, kept: Option<oneshot::Sender<()>>) {
    let _ = end.await;
    drop(kept);
}

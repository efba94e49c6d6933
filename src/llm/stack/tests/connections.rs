//! Real connections to a server that drops them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Barrier;

use super::*;

const ANSWER: &str = r#"{"model":"m","choices":[{"message":{"content":"ok"},"finish_reason":"stop"}]}"#;

/// What the server does with a request on a connection that has served one before.
#[derive(Clone, Copy)]
enum Second {
    Resets,
    Closes,
}

/// Serves the first request of every connection; `together` of them are answered at once, then each by itself.
fn server(together: usize, second: Second) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicU32::new(0));
    let (count, barrier) = (Arc::clone(&connections), Arc::new(Barrier::new(together)));
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            count.fetch_add(1, Ordering::SeqCst);
            let barrier = (n < together).then(|| Arc::clone(&barrier));
            std::thread::spawn(move || serve(&stream.unwrap(), barrier.as_deref(), second));
        }
    });
    (url, connections)
}

fn serve(mut stream: &TcpStream, barrier: Option<&Barrier>, second: Second) {
    receive(stream);
    if let Some(barrier) = barrier {
        barrier.wait();
    }
    let length = ANSWER.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{ANSWER}").as_bytes()).unwrap();
    receive(stream);
    if matches!(second, Second::Resets) {
        socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// Reads one request.
fn receive(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let _ = reader.read_exact(&mut vec![0; length]);
}

/// More open connections than a request has tries, all of which fail.
#[tokio::test]
async fn dead_connections_cost_one_try_of_a_request() {
    const OPEN: usize = 10;
    for second in [Second::Resets, Second::Closes] {
        let (url, connections) = server(OPEN, second);
        let more = json!({ "base_url": url, "price": "free", "limits": { "in_flight": OPEN } });
        let outside = crate::llm::Outside::new(|_| None, Clock::new(|| time::OffsetDateTime::UNIX_EPOCH, 0));
        let provider =
            crate::llm::provider::connect(std::path::Path::new("."), "m", &spec(more.clone()), &outside);
        let bench = bench_over(provider.unwrap(), Script::of(&[]), Policy::Record, more, None);
        let texts: Vec<String> = (0..OPEN).map(|n| format!("warm {n}")).collect();
        let warm = futures(texts.iter().map(|text| bench.ask(text, 0)).collect()).await;
        assert!(warm.iter().all(Result::is_ok), "{warm:?}");
        assert_eq!(connections.load(Ordering::SeqCst), u32::try_from(OPEN).unwrap());
        let answered = bench.ask("after the pause", 0).await.unwrap();
        assert_eq!(answered.source, Source::Called { attempts: 2 });
    }
}

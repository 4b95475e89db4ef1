//! A stand-in for a server on the internet.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::root;

/// `https://example.com` on a free loopback port: it answers every request with one text. Dropped, it stops to answer.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    tls: Arc<ServerConfig>,
    text: String,
    /// The first line and the host of each request.
    asked: Mutex<Vec<String>>,
    failed: AtomicUsize,
    stopped: AtomicBool,
}

/// Made for these tests: they protect nothing.
fn certificate(name: &str) -> PathBuf {
    root().join("tests/certificates").join(name)
}

impl Origin {
    /// The authority that its certificate is from, as a file in PEM.
    pub fn authority() -> PathBuf {
        certificate("ca.pem")
    }

    /// Starts one.
    pub fn start(text: &str) -> Self {
        let chain = vec![CertificateDer::from_pem_file(certificate("example.com.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(certificate("example.com.key")).unwrap();
        let provider = rustls::crypto::ring::default_provider().into();
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let state = Arc::new(State {
            tls: Arc::new(tls),
            text: text.to_owned(),
            asked: Mutex::default(),
            failed: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let state = serving.clone();
                std::thread::spawn(move || {
                    if answer(&state, stream.unwrap()).is_none() {
                        state.failed.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { address, state }
    }

    /// The first line and the host of each request until now, as `GET / HTTP/1.1 example.com`.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Connections that ended before a whole request had come.
    pub fn failed(&self) -> usize {
        self.state.failed.load(Ordering::SeqCst)
    }
}

/// One request on each connection.
fn answer(state: &State, stream: TcpStream) -> Option<()> {
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let connection = ServerConnection::new(state.tls.clone()).ok()?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut host = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("host") => {
                value.trim().clone_into(&mut host);
            }
            Some(_) => {}
            None => break,
        }
    }
    let asked = format!("{} {host}", first.trim());
    state.asked.lock().unwrap().push(asked);
    let mut stream = reader.into_inner();
    let length = state.text.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{}",
        state.text
    )
    .ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for the next connection.
        let _ = TcpStream::connect(self.address);
    }
}

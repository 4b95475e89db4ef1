//! Requests byte by byte: what a client library would never send.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use steward_tests::Server;

/// Sends these bytes on a connection of its own, and reads what comes back until the connection ends
/// or nothing more came for two seconds; for the first of it is waited longer.
pub fn exchange(server: &Server, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(server);
    // A server that refuses a request may close before all of it is sent.
    let _ = stream.write_all(request);
    wait_at_most(&stream, Duration::from_secs(30));
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut piece) {
        if answer.is_empty() {
            wait_at_most(&stream, MORE);
        }
        answer.extend_from_slice(&piece[..n]);
        if answer.len() > 8 << 20 {
            break;
        }
    }
    answer
}

/// A connection to the server.
pub fn connect(server: &Server) -> TcpStream {
    let address = server.url.strip_prefix("http://").expect("an address");
    let stream = TcpStream::connect(address).expect("a connection");
    wait_at_most(&stream, MORE);
    stream
}

/// How long is waited for more.
const MORE: Duration = Duration::from_secs(2);

fn wait_at_most(stream: &TcpStream, time: Duration) {
    stream.set_read_timeout(Some(time)).expect("a timeout");
}

/// A GET of this path with the key of the server, on a connection that is closed after it.
pub fn get(server: &Server, path: &[u8]) -> Vec<u8> {
    let rest = format!(
        " HTTP/1.1\r\nhost: steward\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        server.key
    );
    exchange(server, &[b"GET ", path, rest.as_bytes()].concat())
}

/// The status of an answer; none where there is no answer.
pub fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// How many answers begin in these bytes.
pub fn answers(bytes: &[u8]) -> usize {
    bytes
        .windows(9)
        .filter(|window| window == b"HTTP/1.1 ")
        .count()
}

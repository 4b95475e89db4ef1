//! A call whose request goes on while its answer is read.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crate::{PATIENCE, Server};

/// A call on a connection of its own. What is sent next may depend on what came back.
pub struct Streamed {
    stream: BufReader<TcpStream>,
    /// The head of the answer has been read.
    begun: bool,
    /// What came back and was not asked for yet.
    ahead: Vec<u8>,
}

impl Streamed {
    /// Sends the head of a request with the server's key; its body is to come.
    ///
    /// # Panics
    /// When there is no connection.
    #[track_caller]
    pub fn begin(server: &Server, path: &str) -> Self {
        let stream = TcpStream::connect(server.addr()).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut call = Self {
            stream: BufReader::new(stream),
            begun: false,
            ahead: Vec::new(),
        };
        let key = server.key();
        call.write(&format!(
            "POST {path} HTTP/1.1\r\nhost: steward\r\nauthorization: Bearer {key}\r\n\
             transfer-encoding: chunked\r\n\r\n"
        ));
        call
    }

    /// Sends a piece of the body.
    ///
    /// # Panics
    /// When the connection broke off.
    #[track_caller]
    pub fn send(&mut self, piece: &str) {
        self.write(&format!("{:x}\r\n{piece}\r\n", piece.len()));
    }

    /// Asserts that this is what comes back next.
    ///
    /// # Panics
    /// When it is something else, or does not come.
    #[track_caller]
    pub fn expect(&mut self, wanted: &str) {
        while self.ahead.len() < wanted.len() {
            let piece = self.piece().expect("the answer goes on");
            self.ahead.extend(piece);
        }
        let came: Vec<u8> = self.ahead.drain(..wanted.len()).collect();
        assert_eq!(String::from_utf8_lossy(&came), wanted);
    }

    /// Ends the body of the request, and asserts that the answer ends, too, as a whole one.
    ///
    /// # Panics
    /// When more comes, or the answer breaks off.
    #[track_caller]
    pub fn end(mut self) {
        self.write("0\r\n\r\n");
        while let Some(piece) = self.piece() {
            self.ahead.extend(piece);
        }
        assert_eq!(String::from_utf8_lossy(&self.ahead), "");
    }

    #[track_caller]
    fn write(&mut self, text: &str) {
        let stream = self.stream.get_mut();
        stream.write_all(text.as_bytes()).expect("a connection");
    }

    /// The next piece of the answer's body; none at its end.
    #[track_caller]
    fn piece(&mut self) -> Option<Vec<u8>> {
        self.head();
        let size = self.line();
        let size = usize::from_str_radix(&size, 16).expect("the size of a piece");
        let mut piece = vec![0; size];
        self.stream.read_exact(&mut piece).expect("a whole piece");
        assert_eq!(self.line(), "", "what follows a piece, or the last of them");
        (size > 0).then_some(piece)
    }

    /// Reads the head of the answer, once.
    #[track_caller]
    fn head(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        let mut head = vec![self.line()];
        while head.last().is_some_and(|line| !line.is_empty()) {
            head.push(self.line().to_ascii_lowercase());
        }
        let streams = head.iter().any(|line| line == "transfer-encoding: chunked");
        assert!(head[0].starts_with("HTTP/1.1 200 ") && streams, "{head:?}");
    }

    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).expect("a line in time");
        assert!(read > 0, "the answer broke off");
        line.trim_end().to_owned()
    }
}

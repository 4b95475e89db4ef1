//! Stand-ins for services that cannot be had in a test: an HTTP API and a relay of e-mail, on loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::until;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The head as it came, line by line.
    pub head: Vec<String>,
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header fields, their names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Received {
    /// A header field; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What is answered.
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    /// A status and a body.
    pub fn new(status: u16, body: impl ToString) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_string(),
        }
    }

    /// With a header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

type Answer = dyn Fn(&Received, usize) -> Reply + Send + Sync;

/// An HTTP API on loopback. It answers as the test says and remembers what came.
pub struct HttpStandIn {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl HttpStandIn {
    /// Starts it; `answer` gets each request and how many came before it.
    pub fn start(answer: impl Fn(&Received, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (received, answer): (Arc<Mutex<Vec<_>>>, Arc<Answer>) =
            (Arc::default(), Arc::new(answer));
        let connections = Arc::new(AtomicUsize::new(0));
        let (seen, count) = (received.clone(), connections.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let (seen, answer) = (seen.clone(), answer.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &seen, &*answer));
            }
        });
        Self {
            address,
            connections,
            received,
        }
    }

    /// `http://127.0.0.1:PORT`
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until so many requests came.
    ///
    /// # Panics
    /// When they do not come within half a minute.
    #[track_caller]
    pub fn wait_for(&self, requests: usize) -> Vec<Received> {
        until(&format!("{requests} requests"), || {
            Some(self.received()).filter(|all| all.len() >= requests)
        })
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Received>>, answer: &Answer) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let mut first = head.first()?.split(' ').map(str::to_owned);
        let (method, path) = (first.next()?, first.next()?);
        let headers: Vec<(String, String)> = head
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut received = Received {
            head,
            method,
            path,
            headers,
            body: Vec::new(),
        };
        if let Ok(length) = received.header("content-length").parse() {
            received.body.resize(length, 0);
            reader.read_exact(&mut received.body).ok()?;
        } else if received.header("transfer-encoding") == "chunked" {
            loop {
                let mut size = String::new();
                reader.read_line(&mut size).ok()?;
                let size = usize::from_str_radix(size.trim(), 16).ok()?;
                let mut chunk = vec![0; size + 2];
                reader.read_exact(&mut chunk).ok()?;
                if size == 0 {
                    break;
                }
                received.body.extend_from_slice(&chunk[..size]);
            }
        }
        let before = {
            let mut all = seen.lock().unwrap();
            all.push(received.clone());
            all.len() - 1
        };
        let reply = answer(&received, before);
        let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if reply.status != 204 {
            head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
        }
        writer
            .write_all(format!("{head}\r\n{}", reply.body).as_bytes())
            .ok()?;
    }
}

/// A message that was handed over.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The envelope: `MAIL FROM` and every `RCPT TO`, as they came.
    pub envelope: Vec<String>,
    /// Header fields and text.
    pub message: String,
}

/// A relay of e-mail on loopback, without TLS (RFC 5321, as much as a sender needs).
pub struct SmtpStandIn {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl SmtpStandIn {
    /// Starts it. `refuse` gets each command and how many came before it, and may answer with a refusal.
    pub fn start(
        refuse: impl Fn(&str, usize) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mails: Arc<Mutex<Vec<Mail>>> = Arc::default();
        let (seen, refuse) = (mails.clone(), Arc::new(refuse));
        let commands = Arc::new(Mutex::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, refuse, commands) = (seen.clone(), refuse.clone(), commands.clone());
                std::thread::spawn(move || {
                    talk(stream.unwrap(), &seen, &|command| {
                        let mut count = commands.lock().unwrap();
                        *count += 1;
                        refuse(command, *count - 1)
                    })
                });
            }
        });
        Self { address, mails }
    }

    /// `smtp+plain://127.0.0.1:PORT`
    pub fn relay(&self) -> String {
        format!("smtp+plain://{}", self.address)
    }

    /// What was handed over so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// Waits until so many messages were handed over.
    ///
    /// # Panics
    /// When they do not come within half a minute.
    #[track_caller]
    pub fn wait_for(&self, mails: usize) -> Vec<Mail> {
        until(&format!("{mails} messages"), || {
            Some(self.mails()).filter(|all| all.len() >= mails)
        })
    }
}

fn talk(
    stream: TcpStream,
    seen: &Mutex<Vec<Mail>>,
    refuse: &dyn Fn(&str) -> Option<&'static str>,
) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    let mut say = |line: &str| writer.write_all(format!("{line}\r\n").as_bytes()).ok();
    say("220 stand-in")?;
    let mut envelope = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let command = line.trim_end().to_owned();
        if let Some(refusal) = refuse(&command) {
            say(refusal)?;
            continue;
        }
        let verb = command.split([' ', ':']).next()?.to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                say("250-stand-in")?;
                say("250 8BITMIME")?;
            }
            "MAIL" | "RCPT" => {
                envelope.push(command);
                say("250 ok")?;
            }
            "DATA" => {
                say("354 go on")?;
                let mut message = String::new();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).ok()? == 0 {
                        return None;
                    }
                    match line.as_str() {
                        ".\r\n" => break,
                        // A dot that begins a line was doubled on its way.
                        line => message.push_str(line.strip_prefix('.').unwrap_or(line)),
                    }
                }
                let envelope = std::mem::take(&mut envelope);
                seen.lock().unwrap().push(Mail { envelope, message });
                say("250 taken")?;
            }
            "QUIT" => {
                say("221 bye")?;
                return Some(());
            }
            _ => say("250 ok")?,
        }
    }
}

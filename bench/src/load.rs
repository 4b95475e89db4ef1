//! Load by `wrk`, a program of its own.

use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, bail};

/// Connections that `wrk` keeps busy, where nothing else is said.
const CONNECTIONS: u32 = 32;

/// What `wrk` measured.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Requests per second.
    pub rate: f64,
    /// The time that 99 of 100 requests took at most, in milliseconds.
    pub p99_ms: f64,
}

/// A request that is sent over and over.
pub struct Load {
    url: String,
    headers: Vec<String>,
    bodies: Vec<String>,
    connections: u32,
}

impl Load {
    /// GET of a path.
    pub fn get(addr: SocketAddr, path: &str) -> Self {
        Self {
            url: format!("http://{addr}{path}"),
            headers: Vec::new(),
            bodies: Vec::new(),
            connections: CONNECTIONS,
        }
    }

    /// POST of a JSON body to a path.
    pub fn post(addr: SocketAddr, path: &str, body: String) -> Self {
        Self::posts(addr, path, vec![body])
    }

    /// POST of JSON bodies to a path, one after the other and over again.
    pub fn posts(addr: SocketAddr, path: &str, bodies: Vec<String>) -> Self {
        Self {
            bodies,
            headers: vec!["content-type: application/json".into()],
            ..Self::get(addr, path)
        }
    }

    /// With an API key.
    pub fn key(mut self, key: &str) -> Self {
        self.headers.push(format!("authorization: Bearer {key}"));
        self
    }

    /// With a header: `name: value`.
    pub fn header(mut self, header: &str) -> Self {
        self.headers.push(header.to_owned());
        self
    }

    /// Over so many connections.
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = connections;
        self
    }

    /// Sends for this many seconds and returns the requests per second.
    ///
    /// # Errors
    /// As [`Load::figures`].
    pub fn run(&self, seconds: u32) -> anyhow::Result<f64> {
        Ok(self.figures(seconds)?.rate)
    }

    /// Sends for this many seconds. Every answer must be a success.
    ///
    /// # Errors
    /// When `wrk` is missing, cannot connect, or got answers that are no success.
    pub fn figures(&self, seconds: u32) -> anyhow::Result<Figures> {
        let mut script = tempfile::Builder::new().suffix(".lua").tempfile()?;
        if let [body] = self.bodies.as_slice() {
            writeln!(script, "wrk.method = \"POST\"\nwrk.body = [==[{body}]==]")?;
        } else if !self.bodies.is_empty() {
            writeln!(script, "wrk.method = \"POST\"\nlocal bodies, i = {{}}, 0")?;
            for body in &self.bodies {
                writeln!(script, "bodies[#bodies + 1] = [==[{body}]==]")?;
            }
            writeln!(
                script,
                "request = function() i = i % #bodies + 1; return wrk.format(nil, nil, nil, bodies[i]) end"
            )?;
        }
        writeln!(
            script,
            "done = function(s, latency) io.write(string.format(\"RESULT %f %d %d %f\\n\", s.requests / s.duration * 1e6, \
             s.errors.status, s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout, \
             latency:percentile(99) / 1000)) end"
        )?;
        let mut command = Command::new("wrk");
        command
            .args(["-t1", "-c", &self.connections.to_string()])
            .args(["-d", &format!("{seconds}s"), "-s"])
            .arg(script.path());
        for header in &self.headers {
            command.args(["-H", header]);
        }
        let output = command
            .arg(&self.url)
            .output()
            .context("`wrk` is not there: run `scripts/setup bench`")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().find_map(|line| line.strip_prefix("RESULT "));
        let line = line.with_context(|| {
            format!(
                "wrk said: {text} {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })?;
        let mut figures = line.split(' ');
        let mut next = || {
            figures
                .next()
                .and_then(|f| f.parse::<f64>().ok())
                .context("a figure of wrk")
        };
        let (rate, refused, broken, p99_ms) = (next()?, next()?, next()?, next()?);
        if refused + broken > 0.0 {
            bail!(
                "{refused} answers were no success and {broken} requests broke at {}",
                self.url
            );
        }
        Ok(Figures { rate, p99_ms })
    }
}

/// The resident memory of a process, in MiB.
///
/// # Errors
/// When there is no such process.
pub fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// How many sockets of this machine go to an IPv4 address, those that were closed a moment ago included: each holds a port.
///
/// # Errors
/// When the system does not tell.
pub fn sockets_to(addr: SocketAddr) -> anyhow::Result<usize> {
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let port = format!(":{:04X}", addr.port());
    let remote = |line: &&str| {
        let remote = line.split_whitespace().nth(2);
        remote.is_some_and(|remote| remote.ends_with(&port))
    };
    Ok(table.lines().filter(remote).count())
}

/// One line of a table: what is loaded, and its rates.
pub struct Contender {
    /// What it is.
    pub name: &'static str,
    /// The request.
    pub load: Load,
    /// Requests per second, one a round.
    pub rates: Vec<f64>,
}

impl Contender {
    /// One that has not run yet.
    pub fn new(name: &'static str, load: Load) -> Self {
        Self {
            name,
            load,
            rates: Vec::new(),
        }
    }
}

/// Loads the contenders in turn, round after round, so that a slow moment of the machine meets all
/// of them, and prints each with its ratio to the first, round by round.
///
/// # Errors
/// The first of [`Load::run`].
pub fn compare(
    title: &str,
    contenders: &mut [Contender],
    rounds: usize,
    seconds: u32,
) -> anyhow::Result<()> {
    for contender in contenders.iter() {
        contender.load.run(1)?;
    }
    for _ in 0..rounds {
        for contender in contenders.iter_mut() {
            contender.rates.push(contender.load.run(seconds)?);
        }
    }
    println!("\n{title}");
    println!(
        "{:<58} {:>12} {:>22}",
        "", "requests/s", "ratio (min – max)"
    );
    let first = contenders[0].rates.clone();
    for contender in contenders.iter() {
        let mut ratios: Vec<f64> = contender
            .rates
            .iter()
            .zip(&first)
            .map(|(rate, first)| rate / first)
            .collect();
        let ratio = crate::median(&mut ratios);
        let rate = crate::median(&mut contender.rates.clone());
        let spread = format!("({:.2} – {:.2})", ratios[0], ratios[ratios.len() - 1]);
        println!(
            "{:<58} {rate:>12.0} {ratio:>7.2} {spread:>14}",
            contender.name
        );
    }
    Ok(())
}

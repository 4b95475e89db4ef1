//! `steward:log`: log lines, kept per function in a bounded ring.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use steward_engine::TenantShare;
use steward_registry::{Name, TenantId};
use steward_telemetry::{FunctionLine, Telemetry};
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::steward::log::log as wit;
use crate::{GuestState, InvocationId};

/// Lines kept per function; the oldest make room.
const KEPT_LINES: usize = 1000;
/// Bytes of all lines kept per function, where its tenant may keep so much.
const KEPT_BYTES: usize = 1 << 20;
/// Lines of a function in a second, where nothing else is said; others are counted and dropped.
const LINES_PER_SECOND: u32 = 2000;
/// Bytes of a function in a second. What is kept is not more.
const BYTES_PER_SECOND: usize = KEPT_BYTES;
/// Longest line; the rest is cut.
const LINE_BYTES: usize = 8 << 10;
/// Fields of one line; the rest is cut.
const MAX_FIELDS: usize = 16;

/// One log line of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Grows by one with each line of the function. The first number is the time in microseconds, so
    /// that the numbers grow over restarts too, and who follows the log misses nothing.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// Id of the call that wrote it.
    pub invocation: String,
    /// The text.
    pub message: String,
    /// What machines search for.
    pub fields: BTreeMap<String, String>,
}

impl LogLine {
    fn bytes(&self) -> usize {
        64 + self.message.len()
            + self
                .fields
                .iter()
                .map(|(k, v)| k.len() + v.len())
                .sum::<usize>()
    }
}

/// The latest lines of one function.
#[derive(Debug, Default)]
pub struct LogBook(Mutex<Ring>);

#[derive(Debug)]
struct Ring {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// Bytes of all lines that are kept.
    kept_bytes: usize,
    next: u64,
    lines_per_second: u32,
    second: Second,
    /// What the guests of its tenant log together.
    share: Option<Arc<TenantShare>>,
    /// Where the lines go beside this.
    told: Option<Told>,
}

/// A collector, and whose lines it is told.
#[derive(Debug)]
struct Told {
    telemetry: Telemetry,
    tenant: TenantId,
    function: Name,
}

/// What has been written since a second began.
#[derive(Debug)]
struct Second {
    begun: Instant,
    lines: u32,
    bytes: usize,
    dropped: u32,
}

impl Second {
    fn begun(begun: Instant) -> Self {
        Self {
            begun,
            lines: 0,
            bytes: 0,
            dropped: 0,
        }
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self::begun_at(Timestamp::now())
    }
}

impl Ring {
    fn begun_at(time: Timestamp) -> Self {
        Self {
            lines: VecDeque::new(),
            bytes: 0,
            kept_bytes: KEPT_BYTES,
            next: time.as_microsecond().unsigned_abs(),
            lines_per_second: LINES_PER_SECOND,
            second: Second::begun(Instant::now()),
            share: None,
            told: None,
        }
    }

    /// Whether this second has room for a line of a guest. The first line of the next second is
    /// preceded by one that says how many were dropped.
    fn admits(&mut self, bytes: usize, now: Instant, invocation: InvocationId) -> bool {
        if now.saturating_duration_since(self.second.begun) >= Duration::from_secs(1) {
            let dropped = std::mem::replace(&mut self.second, Second::begun(now)).dropped;
            if dropped > 0 {
                let mut notice = format!(
                    "{dropped} lines were dropped: the function logs at most {} lines and \
                     {BYTES_PER_SECOND} bytes in a second",
                    self.lines_per_second
                );
                let of_tenant = self.share.as_ref().map(|s| s.log_bytes_per_second());
                if let Some(bytes) = of_tenant.filter(|bytes| *bytes > 0) {
                    notice.push_str(&format!(", all functions of its tenant {bytes} bytes"));
                }
                self.push("warn", invocation, notice, BTreeMap::new());
            }
        }
        let second = &mut self.second;
        let full = second.lines >= self.lines_per_second
            || second.bytes.saturating_add(bytes) > BYTES_PER_SECOND
            || self.share.as_ref().is_some_and(|share| !share.log(bytes));
        if full {
            second.dropped = second.dropped.saturating_add(1);
            return false;
        }
        second.lines += 1;
        second.bytes += bytes;
        true
    }

    fn push(
        &mut self,
        level: &'static str,
        invocation: InvocationId,
        message: String,
        fields: BTreeMap<String, String>,
    ) {
        let line = LogLine {
            seq: self.next,
            time: Timestamp::now(),
            level,
            invocation: invocation.to_string(),
            message: cut(message, LINE_BYTES),
            fields,
        };
        self.next += 1;
        if let Some(told) = &self.told {
            told.telemetry.function_line(&FunctionLine {
                level: line.level,
                tenant: told.tenant.as_str(),
                function: told.function.as_str(),
                invocation: &line.invocation,
                message: &line.message,
                fields: &line.fields,
            });
        }
        self.bytes += line.bytes();
        self.lines.push_back(line);
        self.trim();
    }

    /// The oldest lines make room.
    fn trim(&mut self) {
        while self.lines.len() > KEPT_LINES || self.bytes > self.kept_bytes {
            match self.lines.pop_front() {
                Some(oldest) => self.bytes -= oldest.bytes(),
                None => break,
            }
        }
    }
}

impl LogBook {
    /// One whose lines go to a collector too, where the operator asks for the lines of functions.
    pub fn told(telemetry: &Telemetry, tenant: &TenantId, function: &Name) -> Self {
        let told = telemetry.tells_function_lines().then(|| Told {
            telemetry: telemetry.clone(),
            tenant: tenant.clone(),
            function: function.clone(),
        });
        let ring = Ring {
            told,
            ..Ring::default()
        };
        Self(Mutex::new(ring))
    }

    /// The same, whose guests log no more than those of its tenant may together.
    pub fn sharing(mut self, share: Arc<TenantShare>) -> Self {
        self.0.get_mut().share = Some(share);
        self
    }

    /// Sets how many bytes of lines are kept, where that is less than a function has anyway.
    pub fn set_kept_bytes(&self, bytes: usize) {
        let mut ring = self.0.lock();
        ring.kept_bytes = bytes.min(KEPT_BYTES);
        ring.trim();
    }

    /// Adds a line of the host itself (a trap, a limit that was hit).
    pub fn write(
        &self,
        level: &'static str,
        invocation: InvocationId,
        message: String,
        fields: BTreeMap<String, String>,
    ) {
        self.0.lock().push(level, invocation, message, fields);
    }

    /// Adds a line of a guest, where this second has room for it.
    fn write_of_guest(
        &self,
        level: &'static str,
        invocation: InvocationId,
        message: String,
        fields: BTreeMap<String, String>,
        bytes: usize,
    ) {
        let mut ring = self.0.lock();
        if ring.admits(bytes, Instant::now(), invocation) {
            ring.push(level, invocation, message, fields);
        }
    }

    /// Sets how many lines its calls log in a second; none is what the host has.
    pub fn set_lines_per_second(&self, lines: Option<u32>) {
        self.0.lock().lines_per_second = lines.unwrap_or(LINES_PER_SECOND);
    }

    /// The lines of one call that are kept, oldest first.
    pub fn of(&self, invocation: InvocationId) -> Vec<LogLine> {
        let wanted = invocation.to_string();
        let ring = self.0.lock();
        let lines = ring.lines.iter().filter(|line| line.invocation == wanted);
        lines.cloned().collect()
    }

    /// Up to `limit` lines from `since` on, oldest first.
    pub fn read(&self, since: u64, limit: usize) -> Vec<LogLine> {
        let ring = self.0.lock();
        let skipped = ring.lines.partition_point(|line| line.seq < since);
        ring.lines
            .iter()
            .skip(skipped)
            .take(limit)
            .cloned()
            .collect()
    }

    /// The last `limit` lines, oldest first.
    pub fn tail(&self, limit: usize) -> Vec<LogLine> {
        let ring = self.0.lock();
        ring.lines
            .iter()
            .skip(ring.lines.len().saturating_sub(limit))
            .cloned()
            .collect()
    }
}

/// Writes the lines of one call within its budget. Clones write for the same call: the streams of a
/// guest outlive a call where its instance is used again, and then write for the next one.
#[derive(Clone)]
pub(crate) struct Writer {
    book: Arc<LogBook>,
    call: Arc<Call>,
}

struct Call {
    invocation: Mutex<InvocationId>,
    spent: AtomicUsize,
    /// Bytes that the call may log; what exceeds them is counted and dropped.
    limit: usize,
}

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

pub(crate) fn prepare(book: &Arc<LogBook>, invocation: InvocationId, limit: usize) -> Writer {
    Writer {
        book: book.clone(),
        call: Arc::new(Call {
            invocation: Mutex::new(invocation),
            spent: AtomicUsize::new(0),
            limit,
        }),
    }
}

impl Writer {
    pub(crate) fn set_invocation(&mut self, invocation: InvocationId) {
        *self.call.invocation.lock() = invocation;
        self.call.spent.store(0, Ordering::Relaxed);
    }

    /// What the call has logged, dropped lines included, in bytes.
    pub(crate) fn spent(&self) -> usize {
        self.call.spent.load(Ordering::Relaxed)
    }

    pub(crate) fn write(
        &self,
        level: &'static str,
        message: String,
        fields: BTreeMap<String, String>,
    ) {
        let bytes =
            message.len() + fields.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() + 1;
        let bytes = bytes.min(LINE_BYTES);
        let limit = self.call.limit;
        let before = self.call.spent.fetch_add(bytes, Ordering::Relaxed);
        if before > limit {
            return;
        }
        let invocation = *self.call.invocation.lock();
        if limit > 0 {
            self.book
                .write_of_guest(level, invocation, message, fields, bytes);
        }
        if before + bytes > limit {
            let notice = format!("this call has logged {limit} bytes; what follows is dropped");
            self.book
                .write_of_guest("warn", invocation, notice, BTreeMap::new(), 0);
        }
    }
}

/// Cuts at a character boundary and says so.
fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
    }
    text
}

impl wit::Host for GuestState {
    fn write(
        &mut self,
        level: wit::Level,
        message: String,
        fields: Vec<wit::Field>,
    ) -> wasmtime::Result<()> {
        self.count_host_call()?;
        let level = match level {
            wit::Level::Trace => "trace",
            wit::Level::Debug => "debug",
            wit::Level::Info => "info",
            wit::Level::Warn => "warn",
            wit::Level::Error => "error",
        };
        let fields = fields
            .into_iter()
            .take(MAX_FIELDS)
            .map(|f| (cut(f.key, 128), cut(f.value, 1024)));
        self.log.write(level, message, fields.collect());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use steward_engine::ShareLimits;

    use super::*;

    fn writer(book: &Arc<LogBook>) -> Writer {
        prepare(book, InvocationId::new(), 64 << 10)
    }

    #[test]
    fn a_flood_is_bounded_per_call_and_per_function() {
        let book = Arc::new(LogBook::default());
        for _ in 0..100 {
            let writer = writer(&book);
            for _ in 0..1000 {
                writer.write("info", "x".repeat(1000), BTreeMap::new());
            }
        }
        let lines = book.read(0, usize::MAX);
        assert!(lines.len() <= KEPT_LINES);
        assert!(lines.iter().map(LogLine::bytes).sum::<usize>() <= KEPT_BYTES);
        assert!(lines.iter().any(|line| line.message.contains("dropped")));
        assert!(lines.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
    }

    #[test]
    fn a_second_holds_so_many_lines_and_says_how_many_it_dropped() {
        let invocation = InvocationId::new();
        let start = Instant::now();
        let mut ring = Ring {
            lines_per_second: 3,
            second: Second::begun(start),
            ..Ring::default()
        };
        let admitted = |ring: &mut Ring, count, after| {
            let now = start + Duration::from_millis(after);
            (0..count)
                .filter(|_| ring.admits(10, now, invocation))
                .count()
        };
        assert_eq!(admitted(&mut ring, 5, 0), 3);
        assert_eq!(admitted(&mut ring, 1, 999), 0);
        assert_eq!(admitted(&mut ring, 1, 1000), 1);
        assert_eq!(ring.lines.len(), 1);
        assert!(ring.lines[0].message.starts_with("3 lines were dropped"));
        assert!(!ring.admits(
            BYTES_PER_SECOND,
            start + Duration::from_millis(1001),
            invocation
        ));
    }

    #[test]
    fn the_functions_of_a_tenant_log_no_more_in_a_second_than_it_may() {
        let limits = ShareLimits {
            log_bytes_per_second: 25,
            ..ShareLimits::default()
        };
        let (acme, other) = (TenantShare::new(limits), TenantShare::new(limits));
        let (acme, other) = (Arc::new(acme), Arc::new(other));
        let ring = |share: &Arc<TenantShare>| Ring {
            share: Some(share.clone()),
            ..Ring::default()
        };
        let (mut one, mut two, mut beside) = (ring(&acme), ring(&acme), ring(&other));
        let (invocation, now) = (InvocationId::new(), Instant::now());
        assert!(!one.admits(26, now, invocation), "more than a second has");
        assert!(!two.admits(26, now, invocation));
        assert!(beside.admits(25, now, invocation));
        let later = now + Duration::from_secs(2);
        one.admits(26, later, invocation);
        let said = &one.lines[0].message;
        assert!(said.starts_with("1 lines were dropped"), "{said}");
        assert!(said.ends_with("its tenant 25 bytes"), "{said}");
    }

    #[test]
    fn the_next_call_of_an_instance_has_a_budget_and_a_name_of_its_own() {
        let book = Arc::new(LogBook::default());
        let (first, second) = (InvocationId::new(), InvocationId::new());
        let mut writer = prepare(&book, first, 100);
        // As the standard output of the guest holds it.
        let stream = writer.clone();
        writer.write("info", "x".repeat(200), BTreeMap::new());
        stream.write("info", "dropped".into(), BTreeMap::new());
        writer.set_invocation(second);
        stream.write("info", "kept".into(), BTreeMap::new());
        let messages = |of| {
            book.of(of)
                .into_iter()
                .map(|l| l.message.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            messages(first).len(),
            2,
            "the line, and that no more follow"
        );
        assert_eq!(messages(second), [4]);
        assert_eq!(writer.spent(), 5);
    }

    #[test]
    fn long_lines_are_cut_at_a_character() {
        let book = Arc::new(LogBook::default());
        writer(&book).write("info", "汉".repeat(10_000), BTreeMap::new());
        let line = &book.tail(1)[0];
        assert!(line.message.len() <= LINE_BYTES + '…'.len_utf8());
        assert!(line.message.ends_with('…'));
    }

    #[test]
    fn readers_continue_where_they_stopped() {
        let book = Arc::new(LogBook::default());
        for i in 0..5 {
            writer(&book).write("info", i.to_string(), BTreeMap::new());
        }
        let first = book.read(0, 1)[0].seq;
        let rest: Vec<_> = book
            .read(first + 3, 10)
            .into_iter()
            .map(|l| l.message)
            .collect();
        assert_eq!(rest, ["3", "4"]);
        assert_eq!(book.read(first + 5, 10), []);
    }

    #[test]
    fn a_book_of_a_later_start_goes_on_above() {
        let book = Arc::new(LogBook::default());
        let start = Timestamp::now();
        for i in 0..5 {
            writer(&book).write("info", i.to_string(), BTreeMap::new());
        }
        let first = book.read(0, 1)[0].seq;
        // A host takes longer to start than it took to write those lines.
        let restart = start + std::time::Duration::from_millis(1);
        let later = Arc::new(LogBook(Mutex::new(Ring::begun_at(restart))));
        writer(&later).write("info", "next".into(), BTreeMap::new());
        assert_eq!(later.read(first + 5, 10)[0].message, "next");
    }
}

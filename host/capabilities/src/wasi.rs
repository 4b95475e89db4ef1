//! WASI without authority: clocks, random numbers, and output that becomes log lines. No folder is
//! mounted and no socket can be opened; outgoing HTTP goes through the grants of the function.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use steward_engine::Lane;
use tokio::io::AsyncWrite;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::GuestState;
use crate::log::Writer;

/// What every world may import of WASI 0.2.
pub(crate) fn link_ambient(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::{cli, random};
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    random::insecure::add_to_linker::<_, wasmtime_wasi::random::WasiRandom>(linker, |t| {
        t.ctx().ctx.random()
    })?;
    random::insecure_seed::add_to_linker::<_, wasmtime_wasi::random::WasiRandom>(linker, |t| {
        t.ctx().ctx.random()
    })?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, GuestState::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, GuestState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, GuestState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, GuestState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, GuestState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, GuestState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, GuestState::cli)
}

/// What a function may import beyond it, WASI 0.2.
pub(crate) fn link_http02(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::{filesystem, sockets};
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, GuestState::filesystem)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(linker, GuestState::filesystem)?;
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(linker, &options, GuestState::sockets)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, GuestState::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(linker, GuestState::sockets)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, GuestState::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, GuestState::sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, GuestState::sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, GuestState::sockets)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// What a function may import beyond it, WASI 0.3.
pub(crate) fn link_http03(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p3::cli::add_to_linker(linker)?;
    wasmtime_wasi::p3::clocks::add_to_linker(linker)?;
    wasmtime_wasi::p3::random::add_to_linker(linker)?;
    wasmtime_wasi::p3::filesystem::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)
}

/// Whether a resource is a stream. Those of a request's or an answer's body are children of it, and go
/// before it; where there is no body, what is left is standard input or output.
pub(crate) fn is_stream(resource: &dyn Any) -> bool {
    resource.is::<DynInputStream>() || resource.is::<DynOutputStream>()
}

/// All of WASI, and `wasi:http`.
pub(crate) fn link_all(linker: &mut Linker<GuestState>, lane: Lane) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    if lane == Lane::Concurrent {
        wasmtime_wasi::p3::add_to_linker(linker)?;
        wasmtime_wasi_http::p3::add_to_linker(linker)?;
    }
    Ok(())
}

/// What an operator gives to a component that they run themselves. A deployed function has none of it.
#[derive(Debug, Clone, Default)]
pub struct Ambient {
    /// Environment variables.
    pub env: Vec<(String, String)>,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Folders of this machine, and the names under which the component finds them.
    pub folders: Vec<(PathBuf, String, FolderAccess)>,
    /// Whether standard input, output and error are those of this process; otherwise there is no input, and
    /// the others are lines of the log.
    pub stdio: bool,
    /// Whether sockets may be opened.
    pub network: bool,
}

/// What may be done in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderAccess {
    /// Files may be read.
    Read,
    /// Files may be read, written and removed.
    ReadWrite,
}

impl Ambient {
    /// Whether every folder can be opened.
    ///
    /// # Errors
    /// The system's reason, with the path of the folder.
    pub fn check(&self) -> Result<(), String> {
        for (folder, _, _) in &self.folders {
            std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        Ok(())
    }

    fn give(&self, builder: &mut WasiCtxBuilder) {
        builder.envs(&self.env).args(&self.args);
        for (folder, name, access) in &self.folders {
            let perms = match access {
                FolderAccess::Read => FsPerms::ReadOnly,
                FolderAccess::ReadWrite => FsPerms::ReadWrite,
            };
            if let Err(error) = builder.preopened_dir(folder, name, perms) {
                tracing::warn!(folder = %folder.display(), %error, "the folder is gone");
            }
        }
        if self.stdio {
            builder.inherit_stdio();
        }
        if self.network {
            builder.inherit_network().allow_tcp(true).allow_udp(true);
            builder.allow_ip_name_lookup(true);
        }
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        // Made at the first use: most typed guests never ask for it, and it costs more than their
        // instantiation.
        let (log, ambient) = (&self.log, &self.authorized.ambient);
        let ctx = self.wasi.get_or_insert_with(|| {
            let mut builder = WasiCtx::builder();
            builder.stdout(LogStream {
                log: log.clone(),
                level: "info",
            });
            builder.stderr(LogStream {
                log: log.clone(),
                level: "warn",
            });
            builder
                .allow_tcp(false)
                .allow_udp(false)
                .allow_ip_name_lookup(false);
            if let Some(ambient) = ambient {
                ambient.give(&mut builder);
            }
            Box::new(builder.build())
        });
        WasiCtxView {
            ctx,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for GuestState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.count_requests();
        WasiHttpCtxView {
            hooks: &mut self.outgoing,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Standard output and error as log lines.
struct LogStream {
    log: Writer,
    level: &'static str,
}

/// The longest line that is collected before it is written out.
const LINE_BYTES: usize = 8 << 10;

struct LineWriter {
    log: Writer,
    level: &'static str,
    line: Vec<u8>,
}

impl LineWriter {
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' || self.line.len() >= LINE_BYTES {
                self.write_out();
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
    }

    fn write_out(&mut self) {
        if !self.line.is_empty() {
            self.log.write(
                self.level,
                String::from_utf8_lossy(&self.line).into_owned(),
                BTreeMap::new(),
            );
            self.line.clear();
        }
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.write_out();
    }
}

impl LogStream {
    fn writer(&self) -> LineWriter {
        LineWriter {
            log: self.log.clone(),
            level: self.level,
            line: Vec::new(),
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.writer())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.writer())
    }
}

impl AsyncWrite for LineWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write_out();
        Poll::Ready(Ok(()))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LineWriter {
    async fn ready(&mut self) {}
}

impl OutputStream for LineWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

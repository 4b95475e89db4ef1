//! Generates the messages and the service of `proto/inference.proto`, without the `protoc` program.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto/inference.proto");
    let files = protox::compile(["inference.proto"], ["proto"])?;
    // Their names, so that the list of all routes has each of them.
    let methods: Vec<&str> = files
        .file
        .iter()
        .flat_map(|file| &file.service)
        .flat_map(|service| &service.method)
        .filter_map(|method| method.name.as_deref())
        .collect();
    let folder = std::env::var("OUT_DIR")?;
    std::fs::write(
        Path::new(&folder).join("methods.rs"),
        format!("{methods:?}"),
    )?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_transport(false)
        .bytes(".")
        .codec_path("crate::grpc::codec::Bounded")
        .compile_fds(files)?;
    Ok(())
}

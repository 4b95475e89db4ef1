//! What `plugin new` writes is part of the binary: a file more or less there changes it.

fn main() {
    for folder in [
        "../../sdk/rust",
        "../../sdk/js",
        "../../sdk/python",
        "../../sdk/c",
        "../../sdk/wit",
        "../../wit",
    ] {
        println!("cargo::rerun-if-changed={folder}");
    }
}

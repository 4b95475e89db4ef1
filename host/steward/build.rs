//! What `plugin new` writes is part of the binary: a file more or less there changes it.

fn main() {
    for folder in ["../../sdk/rust", "../../wit"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}

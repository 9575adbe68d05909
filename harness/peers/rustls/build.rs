// SPDX-License-Identifier: Apache-2.0
//! `--version` names the rustls that Cargo.lock pins: the crate itself does not say it.

use std::fs;

fn main() {
    println!("cargo:rerun-if-changed=Cargo.lock");
    let lock = fs::read_to_string("Cargo.lock").expect("Cargo.lock is beside Cargo.toml");
    let version = lock
        .split("[[package]]")
        .find(|package| package.contains("\nname = \"rustls\"\n"))
        .and_then(|package| package.split("version = \"").nth(1))
        .and_then(|rest| rest.split('"').next())
        .expect("rustls is in Cargo.lock");
    println!("cargo:rustc-env=RUSTLS_VERSION={version}");
}

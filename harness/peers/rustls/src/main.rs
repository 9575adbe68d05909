// SPDX-License-Identifier: Apache-2.0
//! Attested TLS on rustls: a peer of the interop harness, client and server in one binary. It keeps
//! the contract of harness/peers/README.md with code and crates of its own.
#![forbid(unsafe_code)]

mod alert;
mod attester;
mod authenticator;
mod bytes;
mod cbor;
mod cmw;
mod device;
mod device_key;
mod ear;
mod endpoint;
mod events;
mod evidence;
mod expat;
mod handshake;
mod jose;
mod keys;
mod options;
mod party;
mod refusal;
mod relying_party;
mod session;
mod verifier;
mod x509;

use std::process::ExitCode;

use lexopt::prelude::*;

use options::{Options, Side, Stop};

const USAGE: u8 = 2;
const UNSUPPORTED: u8 = 77;
const RUSTLS: &str = env!("RUSTLS_VERSION");

fn help() {
    println!(
        "usage: atls-rustls client|server FLAGS\n\n\
         Attested TLS (x509-cmw, expat-04) on rustls, as a peer of the atls interop harness. The\n\
         flags are those of harness/peers/README.md; what is not supported ends with 77 before any\n\
         packet. It is a test tool: the root of trust is simulated."
    );
}

fn run() -> Result<bool, Stop> {
    let mut parser = lexopt::Parser::from_env();
    let side = match parser.next()? {
        Some(Value(word)) if word == "client" => Side::Client,
        Some(Value(word)) if word == "server" => Side::Server,
        Some(Long("help")) => return Err(Stop::Help),
        Some(Long("version")) => {
            version();
            return Ok(true);
        }
        _ => return Err(Stop::Usage("client or server was expected first".into())),
    };
    let options = Options::parse(side, &mut parser)?;
    Ok(endpoint::run(options))
}

pub fn version() {
    println!("atls-rustls (rustls {RUSTLS})");
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Stop::Help) => {
            help();
            ExitCode::SUCCESS
        }
        Err(Stop::Version) => {
            version();
            ExitCode::SUCCESS
        }
        Err(Stop::Usage(detail)) => {
            eprintln!("atls-rustls: {detail}");
            ExitCode::from(USAGE)
        }
        Err(Stop::Unsupported(detail)) => {
            eprintln!("atls-rustls: not supported: {detail}");
            ExitCode::from(UNSUPPORTED)
        }
    }
}

#[cfg(test)]
mod tests {
    pub fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }
}

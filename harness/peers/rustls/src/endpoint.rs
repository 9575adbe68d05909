// SPDX-License-Identifier: Apache-2.0
//! The program's course: a client makes its connections at once, a server takes them as they come,
//! each in a thread of its own.

use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;

use rustix::process::{getppid, set_parent_process_death_signal, Pid, Signal};
use serde_json::json;

use crate::options::{Options, Side};
use crate::party::Party;
use crate::session::Session;

/// Were all connections complete?
pub fn run(options: Options) -> bool {
    if !die_with_parent() {
        return false;
    }
    let party = match Party::new(options) {
        Ok(party) => Arc::new(party),
        Err(refusal) => {
            eprintln!("atls-rustls: {}", refusal.detail);
            return false;
        }
    };
    let outcome = match party.options.side {
        Side::Client => connect(&party),
        Side::Server => listen(&party),
    };
    outcome.unwrap_or_else(|problem| {
        eprintln!("atls-rustls: {}: {problem}", party.options.address);
        false
    })
}

/// A program of the harness ends when its parent does.
fn die_with_parent() -> bool {
    let parent: Option<Pid> = getppid();
    set_parent_process_death_signal(Some(Signal::TERM)).is_ok() && getppid() == parent
}

fn connect(party: &Arc<Party>) -> std::io::Result<bool> {
    let addresses: Vec<_> = party.options.address.to_socket_addrs()?.collect();
    let mut threads = Vec::new();
    for conn in 1..=party.options.connections {
        let (party, addresses) = (party.clone(), addresses.clone());
        threads.push(thread::spawn(move || {
            match TcpStream::connect(&addresses[..]) {
                Ok(tcp) => Session::run(party, conn, tcp),
                Err(problem) => {
                    unreached(&party, conn, &problem);
                    false
                }
            }
        }));
    }
    Ok(all(threads))
}

fn unreached(party: &Party, conn: usize, problem: &std::io::Error) {
    let events = &party.events;
    events.tell("connection", json!({"conn": conn}));
    events.tell(
        "handshake",
        json!({"conn": conn, "outcome": "failed", "reason": "peer-closed", "alert": null,
               "detail": problem.to_string()}),
    );
    events.tell("closed", json!({"conn": conn, "outcome": "failed"}));
}

fn listen(party: &Arc<Party>) -> std::io::Result<bool> {
    let listener = TcpListener::bind(&party.options.address)?;
    let address = listener.local_addr()?;
    let ready = json!({"address": address.to_string(), "port": address.port()});
    party.events.tell("ready", ready);
    let wanted = party.options.connections;
    let mut threads = Vec::new();
    let mut conn = 0;
    while wanted == 0 || conn < wanted {
        let tcp = match listener.accept() {
            Ok((tcp, _)) => tcp,
            Err(problem) if problem.kind() == std::io::ErrorKind::ConnectionAborted => continue,
            Err(problem) => return Err(problem),
        };
        conn += 1;
        let party = party.clone();
        let thread = thread::spawn(move || Session::run(party, conn, tcp));
        if wanted > 0 {
            threads.push(thread);
        }
    }
    Ok(all(threads))
}

fn all(threads: Vec<thread::JoinHandle<bool>>) -> bool {
    let ended: Vec<bool> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap_or(false))
        .collect();
    ended.into_iter().all(|complete| complete)
}

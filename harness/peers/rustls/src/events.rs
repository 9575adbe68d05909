// SPDX-License-Identifier: Apache-2.0
//! What the program says (harness/peers/README.md): one JSON object a line, times that never go
//! back, credentials and results as files beside them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use ring::digest;
use serde_json::{json, Map, Value};

use crate::cmw;

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub struct Events {
    who: &'static str,
    begun: Instant,
    out: Mutex<Option<Box<dyn Write + Send>>>,
    artifacts: Option<PathBuf>,
}

impl Events {
    /// `file` may be "-" for standard output.
    pub fn open(
        who: &'static str,
        file: Option<&str>,
        artifacts: Option<&str>,
    ) -> io::Result<Self> {
        let out: Option<Box<dyn Write + Send>> = match file {
            None => None,
            Some("-") => Some(Box::new(io::stdout())),
            Some(path) => Some(Box::new(
                OpenOptions::new().create(true).append(true).open(path)?,
            )),
        };
        if let Some(folder) = artifacts {
            fs::create_dir_all(folder)?;
        }
        Ok(Events {
            who,
            begun: Instant::now(),
            out: Mutex::new(out),
            artifacts: artifacts.map(PathBuf::from),
        })
    }

    /// `fields` is an object. A file that cannot be written is told once per event, on standard
    /// error: the harness then misses the event.
    pub fn tell(&self, event: &str, fields: Value) {
        let mut out = self.out.lock().unwrap_or_else(|p| p.into_inner());
        let Some(out) = out.as_mut() else { return };
        let mut line = Map::new();
        let t = self.begun.elapsed().as_secs_f64();
        line.insert("t".into(), json!((t * 1e6).floor() / 1e6));
        line.insert("who".into(), json!(self.who));
        line.insert("event".into(), json!(event));
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        let text = format!("{}\n", Value::Object(line));
        if let Err(problem) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            eprintln!("atls-rustls: event {event} is lost: {problem}");
        }
    }

    /// Writes conn-N-WHAT, or conn-N-ROUND-WHAT where that is there already. The file's name.
    pub fn artifact(&self, conn: usize, what: &str, data: &[u8]) -> Option<String> {
        let folder = self.artifacts.as_deref()?;
        for round in 1..=1000 {
            let name = if round == 1 {
                format!("conn-{conn}-{what}")
            } else {
                format!("conn-{conn}-{round}-{what}")
            };
            match create_new(&folder.join(&name), data) {
                Ok(()) => return Some(name),
                Err(problem) if problem.kind() == io::ErrorKind::AlreadyExists => {}
                Err(problem) => {
                    eprintln!("atls-rustls: {name}: {problem}");
                    return None;
                }
            }
        }
        None
    }

    /// A CMW that was sent or received. Form and serialization are told by its first byte, even
    /// where the rest is malformed.
    pub fn credential(&self, conn: usize, direction: &str, bytes: &[u8]) {
        let digest = digest::digest(&digest::SHA256, bytes);
        let json = bytes.first().is_some_and(|b| *b == b'[' || *b == b'{');
        let mut fields = json!({"conn": conn, "direction": direction, "bytes": bytes.len(),
                                "sha256": hex(digest.as_ref())});
        if let Some(form) = cmw::sniff_form(bytes) {
            fields["form"] = json!(form);
        }
        if cmw::sniff(bytes).is_some() {
            fields["serialization"] = json!(if json { "json" } else { "cbor" });
        }
        let what = format!(
            "{direction}-credential.{}",
            if json { "json" } else { "cbor" }
        );
        if let Some(file) = self.artifact(conn, &what, bytes) {
            fields["file"] = json!(file);
        }
        self.tell("credential", fields);
    }
}

fn create_new(path: &Path, data: &[u8]) -> io::Result<()> {
    File::create_new(path)?.write_all(data)
}

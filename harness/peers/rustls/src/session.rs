// SPDX-License-Identifier: Apache-2.0
//! One connection: the handshake, a line each way, and what is said of it. The socket blocks; a
//! deadline bounds every read.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, Connection, Error, HandshakeKind, ServerConfig,
    ServerConnection,
};
use serde_json::{json, Value};

use crate::alert;
use crate::events::hex;
use crate::expat;
use crate::handshake::{is_natural, Asked, Handshake};
use crate::options::{Model, Profile, Side};
use crate::party::Party;
use crate::refusal::{alert_name, Outcome, Refusal};

const LINGER: Duration = Duration::from_secs(1);
const LINE_MAX: usize = 4096;

pub struct Session {
    pub handshake: Arc<Handshake>,
    pub tls: Option<Connection>,
    tcp: TcpStream,
    deadline: Instant,
    started: Instant,
    hrr: bool,
    reported: bool,
    /// Plaintext that was not looked at yet.
    pub waiting: Vec<u8>,
    pub peer_closed: bool,
}

fn model_name(model: Option<Model>) -> &'static str {
    model.map_or("none", Model::name)
}

/// The alert that rustls has sent, or will, for what it found wrong itself.
fn alert_of(error: &Error) -> Option<u8> {
    match error {
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            Some(10)
        }
        Error::InvalidMessage(_) => Some(50),
        Error::PeerMisbehaved(_) => Some(47),
        Error::PeerIncompatible(_) => Some(40),
        Error::DecryptError => Some(20),
        Error::NoCertificatesPresented => Some(116),
        _ => None,
    }
}

impl Session {
    /// Runs a connection to its end, and says whether it was complete.
    pub fn run(party: Arc<Party>, conn: usize, tcp: TcpStream) -> bool {
        let timeout = party.options.timeout;
        let handshake = Handshake::new(party, conn);
        handshake.events().tell("connection", json!({"conn": conn}));
        let mut session = Session {
            handshake,
            tls: None,
            tcp,
            deadline: Instant::now() + timeout,
            started: Instant::now(),
            hrr: false,
            reported: false,
            waiting: Vec::new(),
            peer_closed: false,
        };
        let _ = session.tcp.set_nodelay(true); // a matter of speed only
        let outcome = session.course();
        if let Err(refusal) = &outcome {
            session.report_failure(refusal);
        }
        let complete = outcome.is_ok();
        let word = if complete { "complete" } else { "failed" };
        session.tell("closed", json!({"outcome": word}));
        session.linger();
        complete
    }

    pub fn tell(&self, event: &str, mut fields: Value) {
        fields["conn"] = json!(self.handshake.conn);
        self.handshake.events().tell(event, fields);
    }

    pub fn side(&self) -> Side {
        self.handshake.party.options.side
    }

    fn profile(&self) -> Profile {
        self.handshake.party.options.profile
    }

    fn course(&mut self) -> Outcome<()> {
        self.begin()?;
        self.shake_hands()?;
        match self.profile() {
            Profile::X509Cmw => self.lines()?,
            Profile::Expat04 => expat::exchange(self)?,
        }
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        // Both lines are through: how the other side hangs up is its affair.
        let _ = self.flush();
        Ok(())
    }

    fn begin(&mut self) -> Outcome<()> {
        let asked = Arc::new(Asked(self.handshake.clone()));
        let party = self.handshake.party.clone();
        let provider = party.provider.clone();
        let unusable = |problem: Error| Refusal::internal(problem.to_string());
        if self.side() == Side::Client {
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[&rustls::version::TLS13])
                .map_err(unusable)?
                .dangerous() // which is to say: the chain check is called from handshake.rs
                .with_custom_certificate_verifier(asked.clone())
                .with_client_cert_resolver(asked.clone());
            config.key_log = asked;
            config.resumption = rustls::client::Resumption::disabled();
            config.enable_secret_extraction = true;
            let host = party
                .options
                .address
                .rsplit_once(':')
                .map_or("", |(h, _)| h);
            let name = ServerName::try_from(host.to_string())
                .map_err(|problem| Refusal::internal(problem.to_string()))?;
            let client = ClientConnection::new(Arc::new(config), name).map_err(unusable)?;
            self.tls = Some(client.into());
            self.tell("offer", json!({"direction": "sent", "extensions": {}}));
            return Ok(());
        }
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(unusable)?;
        let wants = self.profile() == Profile::X509Cmw && !party.options.relying_party.is_empty();
        let mut config = if wants {
            builder.with_client_cert_verifier(asked.clone())
        } else {
            builder.with_no_client_auth()
        }
        .with_cert_resolver(asked.clone());
        config.key_log = asked;
        config.send_tls13_tickets = 0; // resumption would leave out the certificate
        config.enable_secret_extraction = true;
        let server = ServerConnection::new(Arc::new(config)).map_err(unusable)?;
        self.tls = Some(server.into());
        Ok(())
    }

    fn set_timeout(&self) -> Outcome<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(timeout());
        }
        let set = self.tcp.set_read_timeout(Some(left));
        set.map_err(|problem| Refusal::internal(problem.to_string()))
    }

    fn received(&self, size: io::Result<usize>) -> Outcome<usize> {
        use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        match size {
            Err(problem) if matches!(problem.kind(), TimedOut | WouldBlock) => Err(timeout()),
            Err(problem) if problem.kind() == Interrupted => self.received(Ok(1)),
            Err(problem) => Err(Refusal::by_peer("peer-closed", None, problem.to_string())),
            Ok(size) => Ok(size),
        }
    }

    fn tls(&mut self) -> Outcome<&mut Connection> {
        let none = || Refusal::internal("there is no TLS connection");
        self.tls.as_mut().ok_or_else(none)
    }

    pub fn flush(&mut self) -> Outcome<()> {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.wants_write()) {
            let sent = tls.write_tls(&mut self.tcp);
            self.received(sent)?;
        }
        Ok(())
    }

    /// Sends what waits, then takes in what the peer sent next, at least one read of it.
    pub fn pump(&mut self) -> Outcome<()> {
        self.flush()?;
        self.set_timeout()?;
        let Some(tls) = self.tls.as_mut() else {
            return Err(Refusal::internal("there is no TLS connection"));
        };
        let read = tls.read_tls(&mut self.tcp);
        if self.received(read)? == 0 {
            self.peer_closed = true;
        }
        self.process()
    }

    fn process(&mut self) -> Outcome<()> {
        let tls = self.tls()?;
        match tls.process_new_packets() {
            Ok(state) => {
                let mut plaintext = vec![0u8; state.plaintext_bytes_to_read()];
                let read = tls.reader().read_exact(&mut plaintext);
                read.map_err(|problem| Refusal::internal(problem.to_string()))?;
                self.peer_closed |= state.peer_has_closed();
                self.waiting.extend_from_slice(&plaintext);
                Ok(())
            }
            Err(problem) => Err(self.failed(problem)),
        }
    }

    /// Of an error of rustls: who refused, and why. What it has to say is sent.
    fn failed(&mut self, problem: Error) -> Refusal {
        if let Error::AlertReceived(alert) = problem {
            let code = u8::from(alert);
            let detail = format!("the peer ended the connection with {}", alert_name(code));
            return Refusal::by_peer("peer-alert", Some(code), detail);
        }
        let refusal = self.handshake.take_failure();
        let refusal = refusal.unwrap_or_else(|| {
            let reason = match (&problem, alert_of(&problem)) {
                (Error::NoCertificatesPresented, _) => "certificate-untrusted",
                (_, Some(_)) => "protocol-error",
                (_, None) => "internal",
            };
            Refusal {
                alert: alert_of(&problem),
                ..Refusal::new(reason, "", problem.to_string())
            }
        });
        let code = refusal.alert_in(self.profile());
        let judged = self.handshake.known().judged_bad;
        let by_rustls = (judged && is_natural(code)) || alert_of(&problem).is_some();
        if !by_rustls {
            if let Err(problem) = self.send_own_alert(code, judged) {
                eprintln!("atls-rustls: alert {code} is not sent: {}", problem.detail);
            }
        } else {
            let _ = self.flush(); // the peer may be gone
        }
        refusal
    }

    /// An alert in the handshake that rustls cannot send: under the key that this side writes with,
    /// in place of the one that rustls has queued.
    fn send_own_alert(&mut self, code: u8, queued: bool) -> Outcome<()> {
        let side = self.side();
        let tls = self.tls()?;
        let mut records = Vec::new();
        while tls.wants_write() {
            let written = tls.write_tls(&mut records);
            written.map_err(|problem| Refusal::internal(problem.to_string()))?;
        }
        let suite = tls.negotiated_cipher_suite();
        let suite = suite.ok_or_else(|| Refusal::internal("no keys yet"))?;
        let records = if queued {
            alert::without_last(&records)
        } else {
            &records[..]
        };
        // A server that judges a client has sent its Finished, and writes with the next key.
        let label = match (side, queued) {
            (Side::Client, _) => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            (Side::Server, false) => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            (Side::Server, true) => "SERVER_TRAFFIC_SECRET_0",
        };
        let secret = self.handshake.secret(label);
        let record = secret.and_then(|secret| alert::first_record(suite, &secret, code));
        let record = record.ok_or_else(|| Refusal::internal("the alert cannot be sealed"))?;
        let sent = self.tcp.write_all(records);
        sent.and_then(|()| self.tcp.write_all(&record))
            .map_err(|problem| Refusal::by_peer("peer-closed", None, problem.to_string()))
    }

    /// An alert behind the handshake: rustls gives out its keys, and is done.
    fn send_late_alert(&mut self, code: u8) -> Outcome<()> {
        self.flush()?;
        let Some(tls) = self.tls.take() else {
            return Ok(());
        };
        let secrets = tls
            .dangerous_extract_secrets()
            .map_err(|problem| Refusal::internal(problem.to_string()))?;
        let (sequence, keys) = secrets.tx;
        let record = alert::next_record(sequence, &keys, code);
        let record = record.ok_or_else(|| Refusal::internal("the alert cannot be sealed"))?;
        self.tcp
            .write_all(&record)
            .map_err(|problem| Refusal::by_peer("peer-closed", None, problem.to_string()))
    }

    fn shake_hands(&mut self) -> Outcome<()> {
        while self.tls()?.is_handshaking() {
            if self.peer_closed {
                return Err(gone());
            }
            self.pump()?;
        }
        self.flush()?;
        let kind = self.tls()?.handshake_kind();
        self.hrr = kind == Some(HandshakeKind::FullWithHelloRetryRequest);
        Ok(())
    }

    fn lines(&mut self) -> Outcome<()> {
        let client = self.side() == Side::Client;
        let message = self.handshake.party.options.message.clone();
        if !client {
            self.report_complete();
        } else {
            self.write(format!("{message}\n").as_bytes())?;
            self.tell(
                "application-data",
                json!({"direction": "sent", "text": message}),
            );
        }
        let line = loop {
            if !self.waiting.is_empty() {
                self.report_complete(); // a client knows only now that the server accepted it
            }
            if let Some(end) = self.waiting.iter().position(|b| *b == b'\n') {
                break self.waiting.drain(..=end).collect::<Vec<u8>>();
            }
            if self.waiting.len() >= LINE_MAX {
                return Err(Refusal::new(
                    "protocol-error",
                    "RFC 8446 section 6.2",
                    "expected a line of at most 4095 bytes, came more",
                )
                .with_alert(50));
            }
            if self.peer_closed {
                return Err(gone());
            }
            self.pump()?;
        };
        self.report_line(&line[..line.len() - 1]);
        if !client {
            self.write(format!("{message}\n").as_bytes())?;
            self.tell(
                "application-data",
                json!({"direction": "sent", "text": message}),
            );
        }
        Ok(())
    }

    pub fn report_line(&self, line: &[u8]) {
        let text = match std::str::from_utf8(line) {
            Ok(text) => text.to_string(),
            Err(_) => hex(line),
        };
        self.tell(
            "application-data",
            json!({"direction": "received", "text": text}),
        );
    }

    pub fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        let written = self.tls()?.writer().write_all(bytes);
        written.map_err(|problem| Refusal::internal(problem.to_string()))?;
        self.flush()
    }

    fn handshake_event(&mut self, mut fields: Value) {
        self.reported = true;
        let known = self.handshake.known();
        fields["hrr"] = json!(self.hrr);
        fields["seconds"] = json!(self.started.elapsed().as_secs_f64());
        fields["self_attested"] = json!(model_name(known.self_model));
        fields["peer_attested"] = json!(model_name(known.peer_model));
        for (name, key) in [
            ("signed_with", &known.signed_with),
            ("verified_with", &known.verified_with),
        ] {
            if !key.is_empty() {
                fields[name] = json!(hex(key));
            }
        }
        drop(known);
        self.tell("handshake", fields);
    }

    pub fn report_complete(&mut self) {
        if !self.reported {
            let fields = json!({"outcome": "complete", "reason": "ok", "alert": null});
            self.handshake_event(fields);
        }
    }

    /// Tells the peer, unless it knows, and the log.
    fn report_failure(&mut self, refusal: &Refusal) {
        let mut alert = if refusal.by_peer {
            refusal.alert
        } else {
            Some(refusal.alert_in(self.profile()))
        };
        let open = self.tls.as_ref().is_some_and(|tls| !tls.is_handshaking());
        if open && !refusal.by_peer {
            if let Err(problem) = self.send_late_alert(alert.unwrap_or(80)) {
                eprintln!("atls-rustls: the alert is not sent: {}", problem.detail);
                alert = None;
            }
        } else if !refusal.by_peer && self.tls.is_none() {
            alert = refusal.alert; // there is no connection to tell it in
        }
        if self.reported {
            return;
        }
        let direction = if refusal.by_peer { "received" } else { "sent" };
        let alert = alert
            .map(|code| json!({"direction": direction, "code": code, "name": alert_name(code)}));
        self.handshake_event(json!({"outcome": "failed", "reason": refusal.reason,
            "detail": refusal.detail, "clause": refusal.clause, "alert": alert}));
    }

    /// Closing a socket with unread bytes in it would destroy the alert on its way to the peer.
    fn linger(&mut self) {
        let _ = self.tcp.shutdown(Shutdown::Write); // the peer may have closed it
        let until = Instant::now() + LINGER;
        let mut waste = [0u8; 4096];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.tcp.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match self.tcp.read(&mut waste) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

pub fn gone() -> Refusal {
    Refusal::by_peer(
        "peer-closed",
        None,
        "the peer left before its line was whole",
    )
}

fn timeout() -> Refusal {
    Refusal::new("timeout", "", "the connection took longer than its time")
}

// SPDX-License-Identifier: Apache-2.0
//! Why a connection ends: a reason of the peer contract, a sentence, a clause, and the alert that
//! goes with it in each profile (harness/peers/README.md).

use crate::options::Profile;

pub const UNEXPECTED_MESSAGE: u8 = 10;
pub const BAD_CERTIFICATE: u8 = 42;
pub const ILLEGAL_PARAMETER: u8 = 47;
pub const UNKNOWN_CA: u8 = 48;
pub const ACCESS_DENIED: u8 = 49;
pub const DECODE_ERROR: u8 = 50;
pub const DECRYPT_ERROR: u8 = 51;
pub const INTERNAL_ERROR: u8 = 80;
pub const MISSING_EXTENSION: u8 = 109;
pub const UNSUPPORTED_EXTENSION: u8 = 110;
pub const CERTIFICATE_REQUIRED: u8 = 116;

#[derive(Clone, Debug)]
pub struct Refusal {
    pub reason: String,
    pub detail: String,
    pub clause: String,
    /// Instead of the profile's alert for this reason.
    pub alert: Option<u8>,
    /// The peer said it, not this side.
    pub by_peer: bool,
}

pub type Outcome<T> = Result<T, Refusal>;

impl Refusal {
    pub fn new(reason: &str, clause: &str, detail: impl Into<String>) -> Self {
        Refusal {
            reason: reason.into(),
            detail: detail.into(),
            clause: clause.into(),
            alert: None,
            by_peer: false,
        }
    }

    pub fn internal(detail: impl Into<String>) -> Self {
        Refusal::new("internal", "", detail)
    }

    pub fn with_alert(mut self, alert: u8) -> Self {
        self.alert = Some(alert);
        self
    }

    /// The peer ended it: nobody is left to be told.
    pub fn by_peer(reason: &str, alert: Option<u8>, detail: impl Into<String>) -> Self {
        Refusal {
            alert,
            by_peer: true,
            ..Refusal::new(reason, "", detail)
        }
    }

    pub fn alert_in(&self, profile: Profile) -> u8 {
        self.alert
            .unwrap_or_else(|| default_alert(profile, &self.reason))
    }
}

fn default_alert(profile: Profile, reason: &str) -> u8 {
    match (profile, reason) {
        (
            _,
            "verifier-unreachable"
            | "verifier-timeout"
            | "verifier-error"
            | "verifier-garbage"
            | "device-unavailable"
            | "timeout"
            | "internal",
        ) => INTERNAL_ERROR,
        (
            _,
            "malformed-cmw"
            | "malformed-cbor"
            | "malformed-cose"
            | "malformed-claims"
            | "malformed-result"
            | "certificate-untrusted",
        ) => BAD_CERTIFICATE,
        (_, "malformed-extension" | "malformed-authenticator") => DECODE_ERROR,
        (Profile::X509Cmw, "attestation-missing") => BAD_CERTIFICATE,
        (Profile::Expat04, "attestation-missing") => MISSING_EXTENSION,
        (_, "authenticator-context" | "nonce-length") => ILLEGAL_PARAMETER,
        (_, "authenticator-finished") => DECRYPT_ERROR,
        (_, "application-data-early") => UNEXPECTED_MESSAGE,
        _ => ACCESS_DENIED,
    }
}

/// RFC 8446 section 6; what has no name there is "unknown".
pub fn alert_name(code: u8) -> &'static str {
    match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        117 => "general_error",
        120 => "no_application_protocol",
        _ => "unknown",
    }
}

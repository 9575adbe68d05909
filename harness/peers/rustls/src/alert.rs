// SPDX-License-Identifier: Apache-2.0
//! An alert of one's own choice. rustls derives alerts from errors, and has none to offer for some
//! (internal_error among them), nor any after the handshake. The record is sealed here, with the
//! key that rustls would have used next (RFC 8446 sections 5.2, 5.3 and 7.3).

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{self, Prk};
use rustls::{CipherSuite, ConnectionTrafficSecrets, SupportedCipherSuite};

const FATAL: u8 = 2;
const ALERT: u8 = 21;
const APPLICATION_DATA: u8 = 23;

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with an empty context.
fn expand_label(secret: &Prk, label: &str, size: usize) -> Option<Vec<u8>> {
    let label = format!("tls13 {label}");
    let info: [&[u8]; 4] = [
        &(size as u16).to_be_bytes(),
        &[label.len() as u8],
        label.as_bytes(),
        &[0],
    ];
    let mut out = vec![0u8; size];
    secret
        .expand(&info, Length(size))
        .ok()?
        .fill(&mut out)
        .ok()?;
    Some(out)
}

fn seal(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    iv: &[u8],
    sequence: u64,
    code: u8,
) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
    let mut nonce: [u8; 12] = iv.try_into().ok()?;
    for (byte, number) in nonce[4..].iter_mut().zip(sequence.to_be_bytes()) {
        *byte ^= number;
    }
    let mut inner = vec![FATAL, code, ALERT];
    let size = (inner.len() + algorithm.tag_len()) as u8;
    let header = [APPLICATION_DATA, 3, 3, 0, size];
    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(header),
        &mut inner,
    )
    .ok()?;
    Some([&header[..], &inner].concat())
}

/// The first record under a traffic secret, as a fatal alert.
pub fn first_record(suite: SupportedCipherSuite, secret: &[u8], code: u8) -> Option<Vec<u8>> {
    let (hash, algorithm) = match suite.suite() {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => (hkdf::HKDF_SHA256, &aead::AES_128_GCM),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => (hkdf::HKDF_SHA384, &aead::AES_256_GCM),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => {
            (hkdf::HKDF_SHA256, &aead::CHACHA20_POLY1305)
        }
        _ => return None,
    };
    let secret = Prk::new_less_safe(hash, secret);
    let key = expand_label(&secret, "key", algorithm.key_len())?;
    let iv = expand_label(&secret, "iv", 12)?;
    seal(algorithm, &key, &iv, 0, code)
}

/// A later record, by the secrets that rustls gives out at its end.
pub fn next_record(sequence: u64, secrets: &ConnectionTrafficSecrets, code: u8) -> Option<Vec<u8>> {
    let (algorithm, key, iv) = match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&aead::AES_128_GCM, key, iv),
        ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&aead::AES_256_GCM, key, iv),
        ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
            (&aead::CHACHA20_POLY1305, key, iv)
        }
        _ => return None,
    };
    seal(algorithm, key.as_ref(), iv.as_ref(), sequence, code)
}

/// What is left of queued records without the last one, if that is an alert's size.
pub fn without_last(records: &[u8]) -> &[u8] {
    let mut at = 0;
    let mut last = 0;
    while let Some(header) = records.get(at..at + 5) {
        last = at;
        at += 5 + usize::from(u16::from_be_bytes([header[3], header[4]]));
    }
    &records[..last]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::unhex;

    #[test]
    fn keys_of_rfc_8448() {
        // Section 3: client_handshake_traffic_secret and what is derived from it.
        let secret = unhex("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
        let secret = Prk::new_less_safe(hkdf::HKDF_SHA256, &secret);
        assert_eq!(
            expand_label(&secret, "key", 16).unwrap(),
            unhex("dbfaa693d1762c5b666af5d950258d01")
        );
        assert_eq!(
            expand_label(&secret, "iv", 12).unwrap(),
            unhex("5bd3c71b836e0b76bb73265f")
        );
    }

    #[test]
    fn the_last_record_goes() {
        let records = [20u8, 3, 3, 0, 1, 1, 23, 3, 3, 0, 2, 9, 9];
        assert_eq!(without_last(&records), &records[..6]);
        assert_eq!(without_last(&records[..6]), &[] as &[u8]);
    }

    #[test]
    fn a_record_opens_again() {
        let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
        let record = first_record(suite, &[7; 32], 80).unwrap();
        let secret = Prk::new_less_safe(hkdf::HKDF_SHA256, &[7; 32]);
        let key = expand_label(&secret, "key", 16).unwrap();
        let iv: [u8; 12] = expand_label(&secret, "iv", 12).unwrap().try_into().unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
        let mut body = record[5..].to_vec();
        let header: [u8; 5] = record[..5].try_into().unwrap();
        let nonce = Nonce::assume_unique_for_key(iv);
        let opened = key.open_in_place(nonce, Aad::from(header), &mut body);
        assert_eq!(opened.unwrap(), [2, 80, 21]);
    }
}

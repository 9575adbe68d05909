// SPDX-License-Identifier: Apache-2.0
//! The attester's device on its unix socket: frames (sim/base/frame.h), the numbered exchange
//! (link.h) and the requests that an endpoint needs (protocol.h). Keys stay there.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};

use crate::bytes::{put_vector, Cursor};
use crate::keys::Curve;
use crate::refusal::{Outcome, Refusal};

const ANSWER_MAX: usize = 256 * 1024;
const TRIES: u32 = 3;
const ATTEMPT: Duration = Duration::from_millis(2000);

const INFO: u8 = 1;
const ATTEST_KEY: u8 = 4;
const ATTEST_PLATFORM: u8 = 5;
const SIGN: u8 = 6;

/// CRC-32 of ISO 3309, bit by bit: requests are short.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// 00, COBS(payload || CRC-32), 00.
fn encode_frame(payload: &[u8]) -> Vec<u8> {
    let mut data = payload.to_vec();
    data.extend_from_slice(&crc32(payload).to_be_bytes());
    let mut out = vec![0u8];
    let mut block: Vec<u8> = Vec::with_capacity(254);
    let mut close = |block: &mut Vec<u8>| {
        out.push(block.len() as u8 + 1);
        out.append(block);
    };
    for byte in data {
        if block.len() == 254 {
            close(&mut block);
        }
        if byte == 0 {
            close(&mut block);
        } else {
            block.push(byte);
        }
    }
    close(&mut block);
    out.push(0);
    out
}

/// What was between two zero bytes; None where it is no intact frame.
fn decode_frame(stuffed: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(stuffed.len());
    let mut rest = stuffed;
    let mut zero = false;
    while let Some((code, after)) = rest.split_first() {
        if zero {
            out.push(0);
        }
        let (block, after) = after.split_at_checked(usize::from(*code).checked_sub(1)?)?;
        out.extend_from_slice(block);
        zero = *code != 0xff;
        rest = after;
    }
    let at = out.len().checked_sub(4)?;
    let crc = out.split_off(at);
    (crc == crc32(&out).to_be_bytes()).then_some(out)
}

struct Line {
    stream: UnixStream,
    session: u32,
    sequence: u32,
    waiting: Vec<u8>,
}

/// A device; its requests are made one after the other, whoever makes them.
pub struct Device {
    line: Mutex<Line>,
}

fn unavailable(detail: impl Into<String>) -> Refusal {
    Refusal::new("device-unavailable", "sim/device/protocol.h", detail)
}

impl Device {
    /// `address` is "unix:PATH"; the device must answer.
    pub fn open(address: &str) -> Outcome<Self> {
        let path = address
            .strip_prefix("unix:")
            .ok_or_else(|| unavailable(format!("expected unix:PATH, not {address}")))?;
        let stream =
            UnixStream::connect(path).map_err(|p| unavailable(format!("device {path}: {p}")))?;
        let mut session = [0u8; 4];
        SystemRandom::new()
            .fill(&mut session)
            .map_err(|_| Refusal::internal("no random bytes"))?;
        let device = Device {
            line: Mutex::new(Line {
                stream,
                session: u32::from_be_bytes(session),
                sequence: 0,
                waiting: Vec::new(),
            }),
        };
        device.ask(&[INFO])?;
        Ok(device)
    }

    fn ask(&self, request: &[u8]) -> Outcome<Vec<u8>> {
        let mut line = self.line.lock().unwrap_or_else(|p| p.into_inner());
        let answer = line.exchange(request)?;
        let mut c = Cursor::new(&answer, "device-unavailable", "sim/device/protocol.h");
        let operation = c.number("operation", 1)?;
        let outcome = c.number("outcome", 1)?;
        if outcome == 0 && operation == usize::from(request[0]) {
            return Ok(c.rest().to_vec());
        }
        if outcome == 0 {
            return c.fail(format!("the answer is to request {operation}"));
        }
        let text = c.vector("text", 2, 0, 0xffff)?;
        c.fail(format!(
            "the device said no: {}",
            String::from_utf8_lossy(text)
        ))
    }

    fn vector(answer: &[u8], width: usize) -> Outcome<Vec<u8>> {
        let mut c = Cursor::new(answer, "device-unavailable", "sim/device/protocol.h");
        let field = c.vector("answer", width, 1, ANSWER_MAX)?.to_vec();
        c.end("answer")?;
        Ok(field)
    }

    /// A CAB, CBOR, about the key over the challenge.
    pub fn attest_key(&self, handle: u32, challenge: &[u8]) -> Outcome<Vec<u8>> {
        let mut request = vec![ATTEST_KEY];
        request.extend_from_slice(&handle.to_be_bytes());
        put_vector(&mut request, 1, challenge);
        Device::vector(&self.ask(&request)?, 3)
    }

    /// A bare PSA token over the challenge.
    pub fn attest_platform(&self, challenge: &[u8]) -> Outcome<Vec<u8>> {
        let mut request = vec![ATTEST_PLATFORM];
        put_vector(&mut request, 1, challenge);
        Device::vector(&self.ask(&request)?, 3)
    }

    /// ECDSA over a digest of the curve's hash: r || s.
    pub fn sign(&self, handle: u32, curve: Curve, digest: &[u8]) -> Outcome<Vec<u8>> {
        let mut request = vec![SIGN];
        request.extend_from_slice(&handle.to_be_bytes());
        put_vector(&mut request, 1, digest);
        let signature = Device::vector(&self.ask(&request)?, 1)?;
        if signature.len() != 2 * curve.size() {
            return Err(unavailable(format!(
                "a signature of {} bytes",
                signature.len()
            )));
        }
        Ok(signature)
    }
}

impl Line {
    /// The same request is sent again, with the same number, where no answer comes: the device
    /// then repeats its answer.
    fn exchange(&mut self, message: &[u8]) -> Outcome<Vec<u8>> {
        self.sequence += 1;
        let mut payload = vec![1u8, 1];
        payload.extend_from_slice(&self.session.to_be_bytes());
        payload.extend_from_slice(&self.sequence.to_be_bytes());
        payload.extend_from_slice(message);
        let frame = encode_frame(&payload);
        for _ in 0..TRIES {
            self.stream
                .write_all(&frame)
                .map_err(|p| unavailable(format!("the device is gone: {p}")))?;
            if let Some(answer) = self.await_answer()? {
                return Ok(answer);
            }
        }
        Err(unavailable(format!("no answer to {TRIES} tries")))
    }

    /// None: nothing for this request came in time.
    fn await_answer(&mut self) -> Outcome<Option<Vec<u8>>> {
        let until = Instant::now() + ATTEMPT;
        let mut chunk = [0u8; 4096];
        loop {
            while let Some(at) = self.waiting.iter().position(|b| *b == 0) {
                let stuffed: Vec<u8> = self.waiting.drain(..=at).collect();
                if let Some(answer) =
                    decode_frame(&stuffed[..at]).and_then(|payload| self.matching(&payload))
                {
                    return Ok(Some(answer));
                }
            }
            if self.waiting.len() > 2 * ANSWER_MAX {
                return Err(unavailable("an answer without end"));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream
                .set_read_timeout(Some(left))
                .map_err(|p| unavailable(p.to_string()))?;
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(unavailable("the device is gone")),
                Ok(size) => self.waiting.extend_from_slice(&chunk[..size]),
                Err(p) if matches!(p.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(p) if p.kind() == ErrorKind::Interrupted => {}
                Err(p) => return Err(unavailable(format!("the device is gone: {p}"))),
            }
        }
    }

    fn matching(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let (header, message) = payload.split_at_checked(10)?;
        let ours = header[..2] == [1, 2]
            && header[2..6] == self.session.to_be_bytes()
            && header[6..] == self.sequence.to_be_bytes();
        ours.then(|| message.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_known_answer() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn frames_are_stuffed() {
        let payload = [1u8, 0, 2];
        let crc = crc32(&payload).to_be_bytes();
        let frame = encode_frame(&payload);
        assert_eq!(&frame[..5], [0, 2, 1, 6, 2]);
        assert_eq!(&frame[5..9], crc);
        assert_eq!(frame[9..], [0]);
        let last = frame.len() - 1;
        assert_eq!(decode_frame(&frame[1..last]).as_deref(), Some(&payload[..]));
    }

    #[test]
    fn frames_of_all_sizes_come_back() {
        for size in [0, 1, 253, 254, 255, 508, 1000] {
            for fill in [0u8, 7] {
                let payload = vec![fill; size];
                let frame = encode_frame(&payload);
                assert!(!frame[1..frame.len() - 1].contains(&0));
                assert_eq!(decode_frame(&frame[1..frame.len() - 1]), Some(payload));
            }
        }
    }

    #[test]
    fn broken_frames_are_noticed() {
        let frame = encode_frame(b"request");
        let inner = &frame[1..frame.len() - 1];
        for at in 0..inner.len() {
            let mut garbled = inner.to_vec();
            garbled[at] ^= 1;
            assert_ne!(decode_frame(&garbled).as_deref(), Some(&b"request"[..]));
            assert_eq!(decode_frame(&inner[..at]), None);
        }
    }
}

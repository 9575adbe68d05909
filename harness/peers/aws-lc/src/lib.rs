// SPDX-License-Identifier: Apache-2.0
//! Public-key operations of AWS-LC as plain functions, for `atls-bench crypto --library`: a key comes
//! as numbers and a digest goes in, as in the project's own crypto adapters (rats/crypto/crypto.h).
//!
//! Every pointer is to as many bytes as its function says, which the caller answers for; a function
//! that returns a truth returns 1 for done (or valid) and 0 otherwise.
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;
use std::slice;

use aws_lc_sys as lc;

/// An object of AWS-LC that is freed with its holder; a null pointer is a failure of AWS-LC.
struct Owned<T> {
    pointer: *mut T,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        (!pointer.is_null()).then_some(Owned { pointer, free })
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        unsafe { (self.free)(self.pointer) }
    }
}

fn number(bytes: &[u8]) -> Option<Owned<lc::BIGNUM>> {
    let made = unsafe { lc::BN_bin2bn(bytes.as_ptr(), bytes.len(), null_mut()) };
    Owned::new(made, lc::BN_free)
}

/// The public key with the point x || y, by the size of a coordinate: 32 for P-256, 48 for P-384.
/// AWS-LC looks whether the point is one of the curve.
fn public_key(point: &[u8]) -> Option<Owned<lc::EC_KEY>> {
    let nid = match point.len() {
        64 => lc::NID_X9_62_prime256v1,
        96 => lc::NID_secp384r1,
        _ => return None,
    };
    let key = Owned::new(
        unsafe { lc::EC_KEY_new_by_curve_name(nid) },
        lc::EC_KEY_free,
    )?;
    let (x, y) = point.split_at(point.len() / 2);
    let (x, y) = (number(x)?, number(y)?);
    let set =
        unsafe { lc::EC_KEY_set_public_key_affine_coordinates(key.pointer, x.pointer, y.pointer) };
    (set == 1).then_some(key)
}

fn sign(scalar: &[u8], point: &[u8], digest: &[u8], signature: &mut [u8]) -> Option<()> {
    let key = public_key(point)?;
    let secret = number(scalar)?;
    if unsafe { lc::EC_KEY_set_private_key(key.pointer, secret.pointer) } != 1 {
        return None;
    }
    let made = unsafe { lc::ECDSA_do_sign(digest.as_ptr(), digest.len(), key.pointer) };
    let made = Owned::new(made, lc::ECDSA_SIG_free)?;
    let (r, s) = signature.split_at_mut(scalar.len());
    let written = unsafe {
        lc::BN_bn2bin_padded(r.as_mut_ptr(), r.len(), lc::ECDSA_SIG_get0_r(made.pointer)) == 1
            && lc::BN_bn2bin_padded(s.as_mut_ptr(), s.len(), lc::ECDSA_SIG_get0_s(made.pointer))
                == 1
    };
    written.then_some(())
}

fn verify(point: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = public_key(point)?;
    let (r, s) = signature.split_at(signature.len() / 2);
    let (r, s) = (number(r)?, number(s)?);
    let made = Owned::new(unsafe { lc::ECDSA_SIG_new() }, lc::ECDSA_SIG_free)?;
    if unsafe { lc::ECDSA_SIG_set0(made.pointer, r.pointer, s.pointer) } != 1 {
        return None;
    }
    // The signature has them now, and frees them.
    std::mem::forget((r, s));
    let valid = unsafe {
        lc::ECDSA_do_verify(digest.as_ptr(), digest.len(), made.pointer, key.pointer) == 1
    };
    valid.then_some(())
}

fn ended(result: Option<()>) -> c_int {
    unsafe { lc::ERR_clear_error() };
    c_int::from(result.is_some())
}

/// "1.2.3": AWS-LC's version. The text stays.
#[no_mangle]
pub extern "C" fn atls_contender_version() -> *const c_char {
    lc::AWSLC_VERSION_NUMBER_STRING.as_ptr().cast()
}

/// ECDSA with a nonce of AWS-LC's choice. SIZE is that of a coordinate; KEY has the scalar, x and y,
/// 3 * SIZE bytes; SIGNATURE gets r || s, 2 * SIZE bytes.
///
/// # Safety
/// The pointers are to as many bytes.
#[no_mangle]
pub unsafe extern "C" fn atls_contender_sign(
    size: usize,
    key: *const u8,
    digest: *const u8,
    digest_size: usize,
    signature: *mut u8,
) -> c_int {
    let (scalar, point) = slice::from_raw_parts(key, 3 * size).split_at(size);
    let digest = slice::from_raw_parts(digest, digest_size);
    ended(sign(
        scalar,
        point,
        digest,
        slice::from_raw_parts_mut(signature, 2 * size),
    ))
}

/// POINT is x || y, SIGNATURE r || s, each of 2 * SIZE bytes.
///
/// # Safety
/// The pointers are to as many bytes.
#[no_mangle]
pub unsafe extern "C" fn atls_contender_verify(
    size: usize,
    point: *const u8,
    digest: *const u8,
    digest_size: usize,
    signature: *const u8,
) -> c_int {
    let point = slice::from_raw_parts(point, 2 * size);
    let digest = slice::from_raw_parts(digest, digest_size);
    ended(verify(
        point,
        digest,
        slice::from_raw_parts(signature, 2 * size),
    ))
}

/// SCALAR times POINT to PRODUCT, 32 bytes each.
///
/// # Safety
/// The pointers are to as many bytes.
#[no_mangle]
pub unsafe extern "C" fn atls_contender_x25519(
    scalar: *const u8,
    point: *const u8,
    product: *mut u8,
) -> c_int {
    lc::X25519(product, scalar, point)
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA of OpenSSL's libcrypto inside of an unpatched GnuTLS. GnuTLS lets a program bring ciphers,
 * MACs and digests, and sign with a key that is elsewhere (gnutls_privkey_import_ext4()), but it
 * has no API by which another library verifies. Yet it calls nettle_ecdsa_sign() and
 * nettle_ecdsa_verify() of libhogweed through its symbol table: a shared library that is loaded
 * before that takes their place (the ELF rule of symbol precedence), computes by libcrypto, and
 * hands every curve but P-256 on. P-384 and X25519 stay nettle's: of OpenSSL 3.0 they are slower.
 *
 *     LD_PRELOAD=libatls-fast-crypto.so PROGRAM ...
 *
 * It checks itself when it is loaded: GnuTLS is asked to sign and to verify a known answer (RFC
 * 6979 A.2.5), and has to have come by. Otherwise the program ends there, with the reason and
 * status 70 (EX_SOFTWARE). A program that is to be sure that it was loaded looks for these by
 * dlsym().
 */
#ifndef ATLS_TLS_FAST_FAST_H
#define ATLS_TLS_FAST_FAST_H

#include <stdbool.h>

#define ATLS_FAST_LIBRARY "libatls-fast-crypto.so"

/* How many signatures and verifications libcrypto has done in this process, in all threads. */
unsigned long atls_fast_calls(void);
/* Off: all is handed on, as if it were not there. On when it was loaded. */
void atls_fast_switch(bool on);

#endif

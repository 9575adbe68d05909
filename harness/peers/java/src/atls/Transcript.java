// SPDX-License-Identifier: Apache-2.0
package atls;

/** What a binder is made of, from a handshake that has come as far as the ServerHello. */
public interface Transcript {
    /** The hash of the cipher suite, as Java calls it. */
    String hash();

    /** Transcript-Hash(ClientHello..ServerHello), by a reading of H5. */
    byte[] hellos(String reading) throws Refusal;

    /** The Handshake Secret of RFC 8446 section 7.1. */
    byte[] handshakeSecret() throws Refusal;
}

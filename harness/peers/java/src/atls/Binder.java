// SPDX-License-Identifier: Apache-2.0
package atls;

import java.security.GeneralSecurityException;
import java.util.Arrays;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The values that evidence answers where both endpoints compute them, and HKDF (RFC 5869, 8446).
 */
public final class Binder {
    private Binder() {}

    /** HASH as Java calls it. */
    public static byte[] hmac(String hash, byte[] key, byte[] data) {
        try {
            String name = "Hmac" + hash.replace("-", "");
            Mac mac = Mac.getInstance(name);
            mac.init(new SecretKeySpec(key, name));
            return mac.doFinal(data);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** HKDF-Expand-Label of RFC 8446 section 7.1. */
    public static byte[] expandLabel(
            String hash, byte[] secret, String label, byte[] context, int size) {
        byte[] info =
                new Bytes.Writer()
                        .number(size, 2)
                        .vector(1, Bytes.utf8("tls13 " + label))
                        .vector(1, context)
                        .done();
        byte[] out = Bytes.EMPTY;
        byte[] block = Bytes.EMPTY;
        for (int i = 1; out.length < size; i++) {
            block = hmac(hash, secret, Bytes.concat(block, info, new byte[] {(byte) i}));
            out = Bytes.concat(out, block);
        }
        return Arrays.copyOf(out, size);
    }

    private static int sizeOf(String hash) {
        return Bytes.hash(hash).length;
    }

    /** The exporter of RFC 8446 section 7.5. */
    public static byte[] export(
            String hash, byte[] exporterSecret, String label, byte[] context, int size) {
        byte[] derived = expandLabel(hash, exporterSecret, label, Bytes.hash(hash), sizeOf(hash));
        return expandLabel(hash, derived, "exporter", Bytes.hash(hash, context), size);
    }

    /**
     * seat-early-attestation section 5.1.1; HELLOS is Transcript-Hash(ClientHello..ServerHello).
     */
    public static byte[] seat(String hash, byte[] hellos, byte[] spki) {
        int size = sizeOf(hash);
        byte[] base = expandLabel(hash, new byte[size], "attestation base", hellos, size);
        return expandLabel(hash, base, "attestation", Bytes.hash(hash, spki), size);
    }

    /** tls-attestation-07 section 6.2.1: the handshake exporter, as long as the nonce is. */
    public static byte[] ta07(String hash, byte[] handshakeSecret, byte[] hellos, byte[] nonce) {
        int size = sizeOf(hash);
        byte[] exporter = expandLabel(hash, handshakeSecret, "h exp master", hellos, size);
        byte[] derived = expandLabel(hash, exporter, "attestation-binder", Bytes.hash(hash), size);
        return expandLabel(hash, derived, "exporter", Bytes.hash(hash, nonce), nonce.length);
    }

    /** seat-expat-04 section 5.1: Hash(public key || exporter). */
    public static byte[] expat(String hash, byte[] spki, byte[] exported) {
        return Bytes.hash(hash, spki, exported);
    }
}

// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;

/** Byte strings: hexadecimal, base64, hashes, and the vectors of the TLS presentation language. */
public final class Bytes {
    public static final byte[] EMPTY = new byte[0];

    private Bytes() {}

    public static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    public static byte[] unhex(String text) {
        return HexFormat.of().parseHex(text);
    }

    public static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    public static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    /** ALGORITHM as Java calls it: "SHA-256", "SHA-384". */
    public static byte[] hash(String algorithm, byte[]... parts) {
        try {
            MessageDigest digest = MessageDigest.getInstance(algorithm);
            for (byte[] part : parts) {
                digest.update(part);
            }
            return digest.digest();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Without telling by its time where they differ. */
    public static boolean equal(byte[] a, byte[] b) {
        return MessageDigest.isEqual(a, b);
    }

    /** base64url without padding, strictly: the bits that are left over must be zero. */
    public static byte[] unbase64url(String text, String reason, String clause) throws Refusal {
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(text);
            if (Base64.getUrlEncoder().withoutPadding().encodeToString(bytes).equals(text)) {
                return bytes;
            }
        } catch (IllegalArgumentException e) {
            // told below
        }
        throw new Refusal(reason, "expected base64url without padding, other text came", clause);
    }

    /** Either alphabet, padded or not: what releases of one API write. */
    public static byte[] unbase64any(String text, String reason, String clause) throws Refusal {
        String plain = text.replace('+', '-').replace('/', '_');
        int end = plain.length();
        while (end > 0 && plain.length() - end < 2 && plain.charAt(end - 1) == '=') {
            end--;
        }
        if (end < plain.length() && plain.length() % 4 != 0) {
            throw new Refusal(reason, "base64 with wrong padding", clause);
        }
        return unbase64url(plain.substring(0, end), reason, clause);
    }

    /** Writes numbers and vectors, big-endian. */
    public static final class Writer {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        public Writer number(long value, int size) {
            for (int i = size - 1; i >= 0; i--) {
                out.write((int) (value >>> (8 * i)));
            }
            return this;
        }

        public Writer bytes(byte[] bytes) {
            out.writeBytes(bytes);
            return this;
        }

        /** A vector behind its length in PREFIX bytes; too long a one is this program's mistake. */
        public Writer vector(int prefix, byte[] bytes) {
            if (bytes.length >>> (8 * prefix) != 0) {
                throw new IllegalArgumentException(
                        "a vector of " + bytes.length + " bytes behind a length of " + prefix);
            }
            return number(bytes.length, prefix).bytes(bytes);
        }

        public byte[] done() {
            return out.toByteArray();
        }
    }

    /** Reads what {@link Writer} writes; nothing is read that is not there. */
    public static final class Reader {
        private final byte[] in;
        private final String reason;
        private final String clause;
        private int at;

        public Reader(byte[] in, String reason, String clause) {
            this.in = in;
            this.reason = reason;
            this.clause = clause;
        }

        public int left() {
            return in.length - at;
        }

        public Refusal refusal(String detail) {
            return new Refusal(reason, detail, clause);
        }

        public byte[] bytes(String what, int count) throws Refusal {
            if (count < 0 || count > left()) {
                throw refusal(what + ": expected " + count + " bytes, " + left() + " are left");
            }
            at += count;
            return Arrays.copyOfRange(in, at - count, at);
        }

        /** SIZE is at most 4 bytes. */
        public long number(String what, int size) throws Refusal {
            long value = 0;
            for (byte b : bytes(what, size)) {
                value = value << 8 | b & 0xff;
            }
            return value;
        }

        public byte[] vector(String what, int prefix, long least, long most) throws Refusal {
            long size = number("length of " + what, prefix);
            if (size < least || size > most) {
                throw refusal(
                        what + ": expected " + least + " to " + most + " bytes, came " + size);
            }
            if (size > left()) {
                throw refusal(what + ": expected " + size + " bytes, " + left() + " are left");
            }
            return bytes(what, (int) size);
        }

        public void end(String what) throws Refusal {
            if (left() != 0) {
                throw refusal(what + ": " + left() + " bytes behind its end");
            }
        }
    }
}

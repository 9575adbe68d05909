// SPDX-License-Identifier: Apache-2.0
package atls;

import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;

/** A public key of P-256 or P-384, as its coordinates. */
public record EcKey(Curve curve, byte[] x, byte[] y) {
    /** A curve, the hash that goes with it, and what SubjectPublicKeyInfo says of it. */
    public enum Curve {
        P256(
                "secp256r1",
                32,
                "SHA-256",
                -7,
                "3059301306072a8648ce3d020106082a8648ce3d03010703420004"),
        P384("secp384r1", 48, "SHA-384", -35, "3076301006072a8648ce3d020106052b8104002203620004");

        public final String standardName;
        public final int size;
        public final String hash;
        public final int coseAlgorithm;
        private final byte[] spkiPrefix;

        Curve(String standardName, int size, String hash, int coseAlgorithm, String spkiPrefix) {
            this.standardName = standardName;
            this.size = size;
            this.hash = hash;
            this.coseAlgorithm = coseAlgorithm;
            this.spkiPrefix = Bytes.unhex(spkiPrefix);
        }

        /** 1 and 2, as COSE and the device number them. */
        public int number() {
            return ordinal() + 1;
        }

        ECParameterSpec parameters() {
            try {
                AlgorithmParameters named = AlgorithmParameters.getInstance("EC");
                named.init(new ECGenParameterSpec(standardName));
                return named.getParameterSpec(ECParameterSpec.class);
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof EcKey key
                && curve == key.curve
                && Arrays.equals(x, key.x)
                && Arrays.equals(y, key.y);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(x);
    }

    public static EcKey of(Curve curve, byte[] x, byte[] y, String reason, String clause)
            throws Refusal {
        if (x.length != curve.size || y.length != curve.size) {
            throw new Refusal(
                    reason,
                    "expected coordinates of "
                            + curve.size
                            + " bytes, came "
                            + x.length
                            + " and "
                            + y.length,
                    clause);
        }
        EcKey key = new EcKey(curve, x, y);
        if (!key.isOnCurve()) {
            throw new Refusal(reason, "the point is not on " + curve.standardName, clause);
        }
        return key;
    }

    private boolean isOnCurve() {
        ECParameterSpec spec = curve.parameters();
        BigInteger p = ((ECFieldFp) spec.getCurve().getField()).getP();
        BigInteger a = new BigInteger(1, x);
        BigInteger b = new BigInteger(1, y);
        BigInteger right =
                a.multiply(a).add(spec.getCurve().getA()).multiply(a).add(spec.getCurve().getB());
        return a.compareTo(p) < 0
                && b.compareTo(p) < 0
                && b.multiply(b).subtract(right).mod(p).signum() == 0;
    }

    /** DER of exactly the form of RFC 5480: a named curve and an uncompressed point. */
    public static EcKey ofSpki(byte[] der, String reason, String clause) throws Refusal {
        for (Curve curve : Curve.values()) {
            byte[] prefix = curve.spkiPrefix;
            if (der.length == prefix.length + 2 * curve.size
                    && Arrays.equals(der, 0, prefix.length, prefix, 0, prefix.length)) {
                int middle = prefix.length + curve.size;
                return of(
                        curve,
                        Arrays.copyOfRange(der, prefix.length, middle),
                        Arrays.copyOfRange(der, middle, der.length),
                        reason,
                        clause);
            }
        }
        throw new Refusal(
                reason, "expected the SubjectPublicKeyInfo of a key of P-256 or P-384", clause);
    }

    public byte[] spki() {
        return Bytes.concat(curve.spkiPrefix, x, y);
    }

    /** The uncompressed point. */
    public byte[] point() {
        return Bytes.concat(new byte[] {4}, x, y);
    }

    /** kty, crv, x, y in deterministic order: the COSE_Key whose hash KAT-06 and H6 speak of. */
    public byte[] coseKey() {
        return Bytes.concat(
                Bytes.unhex("a40102200" + curve.number() + "21"),
                Cbor.bytes(x),
                Bytes.unhex("22"),
                Cbor.bytes(y));
    }

    public ECPublicKey toJava() {
        try {
            ECPoint point = new ECPoint(new BigInteger(1, x), new BigInteger(1, y));
            ECPublicKeySpec spec = new ECPublicKeySpec(point, curve.parameters());
            return (ECPublicKey) KeyFactory.getInstance("EC").generatePublic(spec);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** ECDSA with the curve's hash; r || s as COSE and JOSE write it. */
    public boolean verifies(byte[] content, byte[] signature) {
        return verifies(content, signature, "inP1363Format");
    }

    /** The same with the signature as TLS writes it, Ecdsa-Sig-Value. */
    public boolean verifiesDer(byte[] content, byte[] signature) {
        return verifies(content, signature, "");
    }

    private boolean verifies(byte[] content, byte[] signature, String format) {
        try {
            String hash = curve.hash.replace("-", "");
            Signature verifier = Signature.getInstance(hash + "withECDSA" + format);
            verifier.initVerify(toJava());
            verifier.update(content);
            return verifier.verify(signature);
        } catch (GeneralSecurityException e) {
            return false; // a signature that cannot be read verifies nothing
        }
    }

    /** Ecdsa-Sig-Value (RFC 3279) of r || s. */
    public static byte[] derOf(byte[] signature) {
        int half = signature.length / 2;
        byte[] r = derInteger(Arrays.copyOfRange(signature, 0, half));
        byte[] s = derInteger(Arrays.copyOfRange(signature, half, signature.length));
        return Bytes.concat(new byte[] {0x30, (byte) (r.length + s.length)}, r, s);
    }

    private static byte[] derInteger(byte[] magnitude) {
        byte[] value = new BigInteger(1, magnitude).toByteArray();
        return Bytes.concat(new byte[] {2, (byte) value.length}, value);
    }
}

// SPDX-License-Identifier: Apache-2.0
package atls;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * COSE_Sign1 and COSE_Key (RFC 9052, 9053) as tokens have them: ES256 or ES384, the payload inside,
 * tag 18, tag 61 around it, or none.
 */
public record Cose(byte[] protectedHeader, long algorithm, byte[] payload, byte[] signature) {
    private static final String REASON = "malformed-cose";
    private static final String CLAUSE = "RFC 9052 section 4.2";
    private static final String HEADER = "RFC 9052 section 3.1";
    private static final String KEY = "RFC 9053 section 7.1.1";
    private static final int ALG = 1;
    private static final int CRIT = 2;
    private static final int KEY_ID = 4;

    private static Refusal refusal(String detail, String clause) {
        return new Refusal(REASON, detail, clause);
    }

    public static Cose parse(Cbor.Item token) throws Refusal {
        Cbor.Item item = token;
        if (item.kind() == Cbor.Kind.TAG && item.number() == 61) {
            item = item.items().get(0);
            if (item.kind() != Cbor.Kind.TAG) {
                throw refusal("expected a COSE tag inside tag 61", "RFC 8392 section 6");
            }
        }
        if (item.kind() == Cbor.Kind.TAG) {
            if (item.number() != 18) {
                throw refusal("expected tag 18, came " + item.number(), CLAUSE);
            }
            item = item.items().get(0);
        }
        if (item.kind() != Cbor.Kind.ARRAY || item.items().size() != 4) {
            throw refusal("expected COSE_Sign1, an array of 4", CLAUSE);
        }
        List<Cbor.Item> part = item.items();
        if (part.get(0).kind() != Cbor.Kind.BYTES || part.get(1).kind() != Cbor.Kind.MAP) {
            throw refusal("expected a protected and an unprotected header", CLAUSE);
        }
        if (part.get(2).kind() != Cbor.Kind.BYTES || part.get(3).kind() != Cbor.Kind.BYTES) {
            throw refusal(
                    part.get(2).isNull()
                            ? "expected the payload, came nil (a detached one)"
                            : "expected payload and signature, byte strings",
                    CLAUSE);
        }
        long algorithm = header(part.get(0).bytes(), part.get(1));
        Cose message =
                new Cose(part.get(0).bytes(), algorithm, part.get(2).bytes(), part.get(3).bytes());
        int size = algorithm == EcKey.Curve.P384.coseAlgorithm ? 96 : 64;
        if (message.signature.length != size) {
            throw refusal("expected a signature of " + size + " bytes", "RFC 9053 section 2.1");
        }
        return message;
    }

    /** Both headers; the algorithm is the protected one's. */
    private static long header(byte[] encoded, Cbor.Item open) throws Refusal {
        Set<String> labels = new HashSet<>();
        Long algorithm = null;
        if (encoded.length > 0) {
            Cbor.Item header = Cbor.parse(encoded, Cbor.Rules.LENIENT, REASON);
            if (header.kind() != Cbor.Kind.MAP) {
                throw refusal("expected a map as protected header", "RFC 9052 section 3");
            }
            for (int i = 0; i < header.items().size(); i += 2) {
                labels.add(label(header.items().get(i)));
            }
            Cbor.Item alg = header.find(ALG);
            if (alg != null) {
                algorithm = alg.isAnyInteger() ? alg.integer() : null;
            }
            checkCritical(header.find(CRIT), labels);
        }
        for (int i = 0; i < open.items().size(); i += 2) {
            String label = label(open.items().get(i));
            if (labels.contains(label) || label.equals(String.valueOf(CRIT))) {
                throw refusal(
                        "parameter " + label + " is in the wrong header", "RFC 9052 section 3");
            }
        }
        if (algorithm == null
                || algorithm != EcKey.Curve.P256.coseAlgorithm
                        && algorithm != EcKey.Curve.P384.coseAlgorithm) {
            throw refusal(
                    "expected alg ES256 (-7) or ES384 (-35), protected; came " + algorithm, HEADER);
        }
        return algorithm;
    }

    private static String label(Cbor.Item item) throws Refusal {
        if (item.kind() == Cbor.Kind.TEXT) {
            return "\"" + item.text();
        }
        if (!item.isAnyInteger()) {
            throw refusal("a label is text or an integer", "RFC 9052 section 1.5");
        }
        return String.valueOf(item.integer());
    }

    private static void checkCritical(Cbor.Item critical, Set<String> labels) throws Refusal {
        if (critical == null) {
            return;
        }
        if (critical.kind() != Cbor.Kind.ARRAY || critical.items().isEmpty()) {
            throw refusal("crit: expected an array of labels", HEADER);
        }
        for (Cbor.Item item : critical.items()) {
            String label = label(item);
            boolean understood =
                    Set.of(String.valueOf(ALG), String.valueOf(KEY_ID)).contains(label);
            if (!understood || !labels.contains(label)) {
                throw refusal(
                        "crit: parameter " + label + " is not understood or not there", HEADER);
            }
        }
    }

    public boolean verifies(EcKey key) {
        byte[] signed =
                Bytes.concat(
                        Cbor.head(4, 4),
                        Cbor.text("Signature1"),
                        Cbor.bytes(protectedHeader),
                        Cbor.bytes(Bytes.EMPTY),
                        Cbor.bytes(payload));
        return algorithm == key.curve().coseAlgorithm && key.verifies(signed, signature);
    }

    /** A COSE_Key of kty EC2, in claims: what is wrong with it is wrong with those. */
    public static EcKey key(Cbor.Item item) throws Refusal {
        String reason = "malformed-claims";
        if (item.kind() != Cbor.Kind.MAP) {
            throw new Refusal(reason, "expected a COSE_Key, a map", KEY);
        }
        Cbor.Item type = item.find(1);
        Cbor.Item number = item.find(-1);
        Cbor.Item x = item.find(-2);
        Cbor.Item y = item.find(-3);
        if (item.find(-4) != null) {
            throw new Refusal(reason, "expected a public key, came a private one", KEY);
        }
        if (type == null || !type.isUint(2) || number == null || x == null || y == null) {
            throw new Refusal(reason, "expected kty EC2 (2), crv, x and y in a COSE_Key", KEY);
        }
        if (x.kind() != Cbor.Kind.BYTES || y.kind() != Cbor.Kind.BYTES) {
            throw new Refusal(reason, "expected an uncompressed point in a COSE_Key", KEY);
        }
        for (EcKey.Curve curve : EcKey.Curve.values()) {
            if (number.isUint(curve.number())) {
                return EcKey.of(curve, x.bytes(), y.bytes(), reason, KEY);
            }
        }
        throw new Refusal(reason, "expected crv P-256 (1) or P-384 (2)", KEY);
    }
}

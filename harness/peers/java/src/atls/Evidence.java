// SPDX-License-Identifier: Apache-2.0
package atls;

import java.util.Arrays;

/**
 * Evidence in a CMW: a bundle of key and platform token (CAB, draft-bft-rats-kat-06) or, beside a
 * certificate, a PSA token alone. Parsed strictly; what it claims is checked by the functions
 * below, and its platform token by the verifier. KEY is null in a bare token.
 */
public final class Evidence {
    private static final String CLAIMS = "draft-bft-rats-kat-06 section 3.1";
    private static final String BUNDLE = "draft-bft-rats-kat-06 section 5";
    private static final String VERIFY = "draft-bft-rats-kat-06 section 6";
    private static final int NONCE_MIN = 8;
    private static final int NONCE_MAX = 64;
    private static final int CLAIM_NONCE = 10;
    private static final int CLAIM_LEGACY_NONCE = -75008;
    private static final int CLAIM_CNF = 8;
    private static final int CLAIM_KAK = 2500;

    /** The platform token as it came, and the nonce in it. */
    public final byte[] token;

    public final byte[] tokenNonce;

    /** Of the key token; null where there is none. */
    public final EcKey key;

    private final Cose kat;
    private final EcKey kak;
    private final byte[] kakEncoded;
    private final byte[] katNonce;

    private Evidence(
            byte[] token,
            byte[] tokenNonce,
            Cose kat,
            EcKey key,
            EcKey kak,
            byte[] kakEncoded,
            byte[] nonce) {
        this.token = token;
        this.tokenNonce = tokenNonce;
        this.kat = kat;
        this.key = key;
        this.kak = kak;
        this.kakEncoded = kakEncoded;
        this.katNonce = nonce;
    }

    public boolean isBundle() {
        return kat != null;
    }

    /** The nonce that the evidence answers: the key token's, where there is one. */
    public byte[] nonce() {
        return isBundle() ? katNonce : tokenNonce;
    }

    /** BESIDE a certificate a bare token will do. */
    public static Evidence parse(Cmw cmw, boolean beside) throws Refusal {
        for (String type :
                new String[] {
                    MediaType.EAT_CWT,
                    MediaType.PSA_TOKEN,
                    MediaType.PSA_VERAISON,
                    MediaType.PSA_RFC9783
                }) {
            if (beside && cmw.is(type)) {
                return bareToken(cmw);
            }
        }
        return bundle(cmw);
    }

    private static Evidence bareToken(Cmw cmw) throws Refusal {
        if (cmw.indicator() != 0 && (cmw.indicator() & Cmw.EVIDENCE) == 0) {
            throw new Refusal(
                    "malformed-cmw",
                    "expected evidence, the record says that it is none",
                    "RFC 9999 section 3.1");
        }
        Cbor.Item claims = claims(Cose.parse(token(cmw.value(), false)), false);
        return new Evidence(cmw.value(), patNonce(claims), null, null, null, null, null);
    }

    private static Cbor.Item token(byte[] in, boolean strict) throws Refusal {
        return Cbor.parse(in, strict ? Cbor.Rules.STRICT : Cbor.Rules.LENIENT, "malformed-cbor");
    }

    private static Cbor.Item claims(Cose message, boolean strict) throws Refusal {
        Cbor.Item claims = token(message.payload(), strict);
        if (claims.kind() != Cbor.Kind.MAP) {
            throw new Refusal("malformed-claims", "expected a map of claims", CLAIMS);
        }
        return claims;
    }

    private static Evidence bundle(Cmw cmw) throws Refusal {
        Cmw katMember = cmw.form() == Cmw.Form.COLLECTION ? cmw.entries().get("kat") : null;
        Cmw patMember = cmw.form() == Cmw.Form.COLLECTION ? cmw.entries().get("pat") : null;
        Cose kat = null;
        Cbor.Item katClaims = null;
        byte[] tokenNonce = null;
        // What is in the members first: it says more than that something is amiss around them.
        if (katMember != null && katMember.form() != Cmw.Form.COLLECTION) {
            kat = Cose.parse(token(katMember.value(), true));
            katClaims = claims(kat, true);
            checkKatClaims(katClaims);
        }
        if (patMember != null && patMember.form() != Cmw.Form.COLLECTION) {
            tokenNonce = patNonce(claims(Cose.parse(token(patMember.value(), false)), false));
        }
        if (cmw.form() != Cmw.Form.COLLECTION || !Cmw.CAB_TYPE.equals(cmw.collectionType())) {
            throw new Refusal(
                    "malformed-cmw", "expected a CMW collection of type " + Cmw.CAB_TYPE, BUNDLE);
        }
        checkMember("kat", katMember);
        checkMember("pat", patMember);
        if (cmw.entries().size() != 2) {
            throw new Refusal("malformed-cmw", "expected only kat and pat in a CAB", BUNDLE);
        }
        Cbor.Item kak = katClaims.find(CLAIM_KAK);
        return new Evidence(
                patMember.value(),
                tokenNonce,
                kat,
                Cose.key(katClaims.find(CLAIM_CNF).find(1)),
                Cose.key(kak),
                kak.raw(),
                katClaims.find(CLAIM_NONCE).bytes());
    }

    private static void checkMember(String label, Cmw member) throws Refusal {
        if (member == null || !member.is(MediaType.EAT_CWT)) {
            throw new Refusal(
                    "malformed-cmw",
                    "expected " + MediaType.EAT_CWT + " as \"" + label + "\" of a CAB",
                    BUNDLE);
        }
        if (member.indicator() != 0 && (member.indicator() & Cmw.EVIDENCE) == 0) {
            throw new Refusal(
                    "malformed-cmw", "\"" + label + "\" says that it is no evidence", BUNDLE);
        }
    }

    private static void checkKatClaims(Cbor.Item claims) throws Refusal {
        Cbor.Item confirmation = claims.find(CLAIM_CNF);
        Cbor.Item kak = claims.find(CLAIM_KAK);
        Cbor.Item nonce = claims.find(CLAIM_NONCE);
        if (confirmation == null || kak == null || nonce == null) {
            throw new Refusal(
                    "malformed-claims",
                    "expected eat_nonce (10), cnf (8) and kak-pub (2500) in a KAT",
                    CLAIMS);
        }
        if (confirmation.kind() != Cbor.Kind.MAP
                || confirmation.items().size() != 2
                || confirmation.find(1) == null) {
            throw new Refusal("malformed-claims", "expected only a COSE_Key (1) in cnf", CLAIMS);
        }
        checkNonce(nonce);
        Cose.key(confirmation.find(1));
        Cose.key(kak);
    }

    private static void checkNonce(Cbor.Item nonce) throws Refusal {
        if (nonce.kind() != Cbor.Kind.BYTES
                || nonce.bytes().length < NONCE_MIN
                || nonce.bytes().length > NONCE_MAX) {
            throw new Refusal(
                    "malformed-claims",
                    "expected an eat_nonce of 8 to 64 bytes",
                    "RFC 9711 section 4.1");
        }
    }

    /** Of one profile: a reader of either would take its own. */
    private static byte[] patNonce(Cbor.Item claims) throws Refusal {
        Cbor.Item nonce = claims.find(CLAIM_NONCE);
        Cbor.Item legacy = claims.find(CLAIM_LEGACY_NONCE);
        if ((nonce == null) == (legacy == null)) {
            throw new Refusal("malformed-claims", "expected one nonce in a PAT", BUNDLE);
        }
        Cbor.Item found = nonce != null ? nonce : legacy;
        checkNonce(found);
        return found.bytes();
    }

    /** The key token's signature, by the key that it names itself. */
    public void checkKeyToken() throws Refusal {
        if (isBundle() && !kat.verifies(kak)) {
            throw new Refusal(
                    "kat-signature-invalid",
                    "the KAT's signature does not verify under its kak-pub",
                    VERIFY);
        }
    }

    /** The platform token answers the hash of kak-pub as it came. */
    public void checkLinkage() throws Refusal {
        if (isBundle() && !Arrays.equals(tokenNonce, Bytes.hash("SHA-256", kakEncoded))) {
            throw new Refusal(
                    "linkage-mismatch",
                    "the PAT's eat_nonce is not the SHA-256 hash of the KAT's kak-pub",
                    BUNDLE);
        }
    }
}

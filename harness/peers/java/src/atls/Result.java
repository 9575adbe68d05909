// SPDX-License-Identifier: Apache-2.0
package atls;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSObject;
import com.nimbusds.jose.crypto.ECDSAVerifier;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;

import java.text.ParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * An attestation result: an EAR in a signed JWT, in Veraison's dialect or that of
 * draft-ietf-rats-ear-03, which differ in names. What a relying party decides by is read strictly.
 */
public final class Result {
    private static final String CLAUSE = "draft-ietf-rats-ear-03 section 3";
    private static final String JWS = "RFC 7515 section 7.1";
    private static final double TIME_MAX = 9007199254740991.0;
    private static final List<String> TIERS =
            List.of("none", "affirming", "warning", "contraindicated");
    private static final List<String> TRUST_CLAIMS =
            List.of(
                    "instance-identity",
                    "configuration",
                    "executables",
                    "file-system",
                    "hardware",
                    "runtime-opaque",
                    "storage-opaque",
                    "sourced-data");

    private record Names(
            String profile,
            String verifierId,
            String status,
            String vector,
            String policyClaims,
            String key) {}

    private static final List<Names> DIALECTS =
            List.of(
                    new Names(
                            "tag:github.com,2023:veraison/ear",
                            "ear.verifier-id",
                            "ear.status",
                            "ear.trustworthiness-vector",
                            "ear.veraison.policy-claims",
                            "ear.veraison.key-attestation"),
                    new Names(
                            "tag:ietf.org,2026:rats/ear#03",
                            "ear_verifier_id",
                            "ear_status",
                            "ear_trustworthiness_vector",
                            "ear_veraison_policy_claims",
                            "ear_veraison_key_attestation"),
                    new Names(
                            "tag:ietf.org,2026:rats/ear#04",
                            "ear_verifier_id",
                            "ear_status",
                            "ear_trustworthiness_vector",
                            "ear_veraison_policy_claims",
                            "ear_veraison_key_attestation"));

    /** What one part of the attester was judged to be. */
    public record Submod(String tier, EcKey key, Map<String, Object> policyClaims) {}

    private final String text;
    private final JWSObject jws;
    public final String issuer;
    public final long issuedAt;
    public final long expiresAt;
    public final long notBefore;
    public final byte[] nonce;
    public final List<Submod> submods = new ArrayList<>();

    /** Reads it and believes nothing: {@link #verify} does. */
    public static Result parse(byte[] jwt) throws Refusal {
        String text = new String(jwt, java.nio.charset.StandardCharsets.ISO_8859_1).trim();
        String[] parts = text.split("\\.", -1);
        if (parts.length == 3 && isUnsecured(parts[0])) {
            throw new Refusal(
                    "result-signature-invalid",
                    "expected a signed result, came one with alg none",
                    "RFC 8725 section 3.2");
        }
        if (parts.length != 3 || parts[0].isEmpty() || parts[1].isEmpty() || parts[2].isEmpty()) {
            throw new Refusal("malformed-result", "expected a JWS of three parts", JWS);
        }
        for (String part : parts) {
            Bytes.unbase64url(part, "malformed-result", JWS);
        }
        Json.parseObject(Bytes.unbase64url(parts[0], "malformed-result", JWS), "malformed-result");
        Map<String, Object> claims =
                Json.parseObject(
                        Bytes.unbase64url(parts[1], "malformed-result", JWS), "malformed-result");
        try {
            return new Result(text, JWSObject.parse(text), claims);
        } catch (ParseException e) {
            throw new Refusal("malformed-result", "JWS: " + e.getMessage(), JWS);
        }
    }

    /** No garbage, but a result that nobody signed (RFC 7518 section 3.6). */
    private static boolean isUnsecured(String header) {
        try {
            byte[] bytes = Bytes.unbase64url(header, "", JWS);
            return Json.parseObject(bytes, "").get("alg") instanceof String alg
                    && alg.equalsIgnoreCase("none");
        } catch (Refusal e) {
            return false;
        }
    }

    private Result(String text, JWSObject jws, Map<String, Object> claims) throws Refusal {
        this.text = text;
        this.jws = jws;
        Names names =
                DIALECTS.stream()
                        .filter(dialect -> dialect.profile.equals(claims.get("eat_profile")))
                        .findFirst()
                        .orElseThrow(() -> refusal("expected eat_profile of a known EAR"));
        issuedAt = time(claims, "iat");
        expiresAt = time(claims, "exp");
        notBefore = time(claims, "nbf");
        Map<String, Object> verifier = object(claims.get(names.verifierId), names.verifierId);
        if (issuedAt == 0
                || !(verifier.get("developer") instanceof String)
                || !(verifier.get("build") instanceof String)) {
            throw refusal("expected iat and a verifier id with developer and build");
        }
        issuer = claims.get("iss") == null ? null : text(claims, "iss");
        nonce = readNonce(claims);
        Map<String, Object> found = object(claims.get("submods"), "submods");
        if (found.isEmpty()) {
            throw refusal("expected at least one submod");
        }
        for (Map.Entry<String, Object> entry : found.entrySet()) {
            submods.add(submod(object(entry.getValue(), "a submod"), names));
        }
    }

    private static Refusal refusal(String detail) {
        return new Refusal("malformed-result", "EAR: " + detail, CLAUSE);
    }

    private static Map<String, Object> object(Object value, String what) throws Refusal {
        return Json.object(value, "EAR " + what, "malformed-result", CLAUSE);
    }

    private static String text(Map<String, Object> object, String name) throws Refusal {
        if (object.get(name) instanceof String text) {
            return text;
        }
        throw refusal(name + ": a text expected");
    }

    private static long time(Map<String, Object> claims, String name) throws Refusal {
        Object value = claims.get(name);
        if (value == null) {
            return 0;
        }
        if (value instanceof Number number
                && number.doubleValue() >= 1
                && number.doubleValue() <= TIME_MAX) {
            return number.longValue();
        }
        throw refusal(name + ": seconds since 1970 expected");
    }

    private static byte[] readNonce(Map<String, Object> claims) throws Refusal {
        if (claims.get("eat_nonce") == null) {
            return null;
        }
        byte[] nonce =
                Bytes.unbase64any(
                        text(claims, "eat_nonce"), "malformed-result", "RFC 9711 section 4.1");
        if (nonce.length < 8 || nonce.length > 64) {
            throw refusal("eat_nonce: 8 to 64 bytes expected");
        }
        return nonce;
    }

    private static Submod submod(Map<String, Object> submod, Names names) throws Refusal {
        String tier = text(submod, names.status);
        if (!TIERS.contains(tier)) {
            throw refusal(names.status + ": one of " + TIERS + " expected");
        }
        if (submod.get(names.vector) != null) {
            for (Map.Entry<String, Object> claim :
                    object(submod.get(names.vector), names.vector).entrySet()) {
                if (!TRUST_CLAIMS.contains(claim.getKey())
                        || !(claim.getValue() instanceof Long value)
                        || value < -128
                        || value > 127) {
                    throw refusal(names.vector + ": known claims from -128 to 127 expected");
                }
                if (value != 0) { // 0: no claim made
                    tier = worse(tier, tierOf(value.intValue()));
                }
            }
        }
        EcKey key = null;
        if (submod.get(names.key) != null) {
            String encoded = text(object(submod.get(names.key), names.key), "akpub");
            byte[] spki = Bytes.unbase64any(encoded, "malformed-result", CLAUSE);
            key = EcKey.ofSpki(spki, "malformed-result", CLAUSE);
        }
        Object claims = submod.get(names.policyClaims);
        return new Submod(
                tier, key, claims == null ? Map.of() : object(claims, names.policyClaims));
    }

    /** Negative values are a verifier's own refinements of the same tiers (AR4SI section 2.3). */
    private static String tierOf(int value) {
        int size = value < -1 ? -value - 1 : Math.abs(value);
        if (value >= -1 && value <= 1) {
            return "none";
        }
        return size < 32 ? "affirming" : size < 96 ? "warning" : "contraindicated";
    }

    /** A result that says nothing is worse than an affirming one, better than a warning. */
    private static String worse(String a, String b) {
        List<String> order = List.of("affirming", "none", "warning", "contraindicated");
        return order.indexOf(a) >= order.indexOf(b) ? a : b;
    }

    public String tier() {
        return submods.stream().map(Submod::tier).reduce("affirming", Result::worse);
    }

    /** The one key that it attests, or null. */
    public EcKey key() throws Refusal {
        EcKey key = null;
        for (Submod submod : submods) {
            if (submod.key != null && key != null && !submod.key.equals(key)) {
                throw refusal("the result attests more than one key");
            }
            key = submod.key != null ? submod.key : key;
        }
        return key;
    }

    /** A verifier's public key: a JWK for ES256 or ES384, without its private part. */
    public static ECKey verificationKey(byte[] jwk, String reason) throws Refusal {
        return verificationKey(Json.parseObject(jwk, reason), reason);
    }

    public static ECKey verificationKey(Map<String, Object> jwk, String reason) throws Refusal {
        try {
            ECKey key = ECKey.parse(jwk);
            if (key.isPrivate()) {
                throw new Refusal(
                        reason,
                        "expected a verifier's public key, a private one came",
                        "RFC 7517 section 9.2");
            }
            if (!Curve.P_256.equals(key.getCurve()) && !Curve.P_384.equals(key.getCurve())) {
                throw new Refusal(
                        reason, "expected a key of P-256 or P-384", "RFC 7518 section 6.2");
            }
            return key;
        } catch (ParseException | IllegalArgumentException e) {
            throw new Refusal(reason, "JWK: " + e.getMessage(), "RFC 7517 section 4");
        }
    }

    /** By this key, with the algorithm of its curve, and with nothing critical in the header. */
    public void verify(ECKey key) throws Refusal {
        JWSAlgorithm expected =
                Curve.P_256.equals(key.getCurve()) ? JWSAlgorithm.ES256 : JWSAlgorithm.ES384;
        boolean valid = false;
        try {
            boolean plain =
                    jws.getHeader().getCriticalParams() == null
                            && jws.getHeader().isBase64URLEncodePayload();
            boolean meant = key.getAlgorithm() == null || key.getAlgorithm().equals(expected);
            valid =
                    plain
                            && meant
                            && jws.getHeader().getAlgorithm().equals(expected)
                            && jws.verify(new ECDSAVerifier(key));
        } catch (JOSEException e) {
            valid = false;
        }
        if (!valid) {
            throw new Refusal(
                    "result-signature-invalid",
                    "the result is not signed by the verifier's key (" + expected + ")",
                    "RFC 7515 section 5.2");
        }
    }

    public void checkTime(long now, long maxAge) throws Refusal {
        long leeway = 2;
        long end = expiresAt != 0 ? expiresAt : issuedAt + maxAge;
        if (notBefore != 0 && now + leeway < notBefore || now + leeway < issuedAt) {
            throw new Refusal(
                    "result-expired",
                    "the result is of the future: it is " + now,
                    "RFC 7519 section 4.1.6");
        }
        if (now - leeway >= end) {
            throw new Refusal(
                    "result-expired",
                    "the result expired at " + end + ", it is " + now,
                    "RFC 7519 section 4.1.4");
        }
    }

    public long expiresIn(long now, long maxAge) {
        return (expiresAt != 0 ? expiresAt : issuedAt + maxAge) - now;
    }

    public byte[] encoded() {
        return Bytes.utf8(text);
    }
}

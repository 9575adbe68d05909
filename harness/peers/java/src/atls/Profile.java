// SPDX-License-Identifier: Apache-2.0
package atls;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** How attestation rides in TLS: where the credential is, and which alert says what. */
public enum Profile {
    TA_07("ta-07", Carrier.IN_PLACE, "attestation_evidence", 0, "draft-fossati-tls-attestation-07"),
    SEAT_04(
            "seat-04",
            Carrier.IN_ENTRY,
            "attestation",
            3,
            "draft-fossati-seat-early-attestation-04"),
    SEAT_06(
            "seat-06",
            Carrier.IN_ENTRY,
            "remoteAttestation",
            3,
            "draft-fossati-seat-early-attestation-06"),
    X509_CMW("x509-cmw", Carrier.IN_CERTIFICATE, null, 0, "RFC 9999 section 4.4"),
    EXPAT_04(
            "expat-04",
            Carrier.IN_AUTHENTICATOR,
            "cmw_attestation",
            2,
            "draft-fossati-seat-expat-04");

    public enum Carrier {
        IN_PLACE,
        IN_ENTRY,
        IN_CERTIFICATE,
        IN_AUTHENTICATOR
    }

    public final String word;
    public final Carrier carrier;

    /** Of the extension of a CertificateEntry, or null. */
    public final String entryExtension;

    /** Bytes of the length ahead of the CMW in it. */
    public final int payloadPrefix;

    public final String clause;
    private final Map<String, String> alerts = new TreeMap<>();
    private final String judged;

    Profile(String word, Carrier carrier, String entryExtension, int payloadPrefix, String clause) {
        this.word = word;
        this.carrier = carrier;
        this.entryExtension = entryExtension;
        this.payloadPrefix = payloadPrefix;
        this.clause = clause;
        put(
                "internal_error",
                "verifier-unreachable",
                "verifier-timeout",
                "verifier-error",
                "verifier-garbage",
                "device-unavailable",
                "timeout",
                "internal");
        put("decode_error", "malformed-extension");
        put("bad_certificate", "certificate-untrusted");
        put("illegal_parameter", "unexpected-selection");
        String malformed =
                "malformed-cmw malformed-cbor malformed-cose malformed-claims malformed-result";
        switch (word) {
            case "ta-07" -> {
                put("decode_error", "nonce-length");
                put("decrypt_error", "key-mismatch");
                put("missing_extension", "attestation-missing");
                four();
            }
            case "seat-04" -> {
                put("missing_extension", "attestation-missing");
                four();
            }
            case "seat-06" -> {
                put("attestation_required", "attestation-missing");
                put(
                        "unsupported_attestation_schemes",
                        "no-common-evidence-type",
                        "no-common-verifier");
            }
            case "x509-cmw" -> {
                put("bad_certificate", malformed.split(" "));
                put("bad_certificate", "attestation-missing");
            }
            default -> {
                put("bad_certificate", malformed.split(" "));
                put("missing_extension", "attestation-missing");
                put("decode_error", "malformed-authenticator");
                put("illegal_parameter", "authenticator-context", "nonce-length");
                put("decrypt_error", "authenticator-finished");
                put("unexpected_message", "application-data-early");
            }
        }
        boolean plain = word.equals("x509-cmw") || word.equals("expat-04");
        judged = plain ? "access_denied" : "attestation_failed";
    }

    private void put(String alert, String... reasons) {
        Arrays.stream(reasons).forEach(reason -> alerts.put(reason, alert));
    }

    private void four() {
        put("unsupported_evidence", "no-common-evidence-type");
        put("unsupported_verifiers", "no-common-verifier");
    }

    /** The number of the alert that tells the peer of this refusal. */
    public int alert(Refusal refusal, CodePoints points) {
        return refusal.alert >= 0
                ? refusal.alert
                : points.alert(alerts.getOrDefault(refusal.reason, judged));
    }

    /** Must a result answer the binder? (H11, as drafted) */
    public boolean resultAnswers() {
        return this == SEAT_04;
    }

    /** What is in the hellos, in the order of the contract. */
    public List<String> helloExtensions() {
        return switch (this) {
            case TA_07, SEAT_04 ->
                    List.of(
                            "evidence_proposal",
                            "evidence_request",
                            "results_proposal",
                            "results_request");
            case SEAT_06 -> List.of("remoteAttestation");
            default -> List.of();
        };
    }

    /** Null where there is none of that name here. */
    public static Profile of(String word) {
        return Arrays.stream(values())
                .filter(one -> one.word.equals(word))
                .findFirst()
                .orElse(null);
    }
}

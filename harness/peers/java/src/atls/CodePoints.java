// SPDX-License-Identifier: Apache-2.0
package atls;

import java.util.LinkedHashMap;
import java.util.Map;

/** Numbers that no draft assigns yet, by name, with those of the contract as default. */
public final class CodePoints {
    private static final int RENEGOTIATION_INFO = 0xFF01;
    private static final Map<Integer, String> TLS_ALERTS = new LinkedHashMap<>();

    static {
        String names =
                "0 close_notify 10 unexpected_message 20 bad_record_mac 22 record_overflow"
                        + " 40 handshake_failure 42 bad_certificate 43 unsupported_certificate"
                        + " 44 certificate_revoked 45 certificate_expired 46 certificate_unknown"
                        + " 47 illegal_parameter 48 unknown_ca 49 access_denied 50 decode_error"
                        + " 51 decrypt_error 70 protocol_version 71 insufficient_security"
                        + " 80 internal_error 86 inappropriate_fallback 90 user_canceled"
                        + " 109 missing_extension 110 unsupported_extension 112 unrecognized_name"
                        + " 113 bad_certificate_status_response 115 unknown_psk_identity"
                        + " 116 certificate_required 117 general_error 120 no_application_protocol";
        String[] words = names.split(" ");
        for (int i = 0; i < words.length; i += 2) {
            TLS_ALERTS.put(Integer.valueOf(words[i]), words[i + 1]);
        }
    }

    private final Map<String, Integer> extensions = new LinkedHashMap<>();
    private final Map<String, Integer> alerts = new LinkedHashMap<>();

    public CodePoints() {
        extensions.put("evidence_request", 0xFF10);
        extensions.put("evidence_proposal", 0xFF11);
        extensions.put("results_request", 0xFF12);
        extensions.put("results_proposal", 0xFF13);
        extensions.put("attestation_evidence", 0xFF14);
        extensions.put("attestation", 0xFF15);
        extensions.put("remoteAttestation", 0xFF16);
        extensions.put("cmw_attestation", 0xFF00);
        extensions.put("poc_evidence_proposal", 100);
        extensions.put("certificate_type_attestation", 224);
        alerts.put("unsupported_evidence", 224);
        alerts.put("unsupported_verifiers", 225);
        alerts.put("attestation_failed", 226);
        alerts.put("unsupported_attestation_schemes", 227);
        alerts.put("attestation_required", 228);
    }

    /** A JSON object of numbers, or texts of such, by name. */
    public void override(byte[] json) throws Refusal {
        for (Map.Entry<String, Object> entry : Json.parseObject(json, "internal").entrySet()) {
            int number = number(entry.getKey(), entry.getValue());
            if (extensions.containsKey(entry.getKey()) && number != RENEGOTIATION_INFO) {
                extensions.put(entry.getKey(), number);
            } else if (alerts.containsKey(entry.getKey()) && number > 0 && number < 256) {
                alerts.put(entry.getKey(), number);
            } else {
                throw new Refusal(
                        "internal",
                        "code point " + entry.getKey() + ": unknown, or no such number",
                        "");
            }
        }
        if (extensions.values().stream().distinct().count() != extensions.size()) {
            throw new Refusal(
                    "internal",
                    "code points: two extensions have one number",
                    "RFC 8446 section 4.2");
        }
    }

    private static int number(String name, Object value) throws Refusal {
        try {
            long number = value instanceof Long direct ? direct : Long.decode((String) value);
            if (number >= 0 && number <= 0xffff) {
                return (int) number;
            }
        } catch (ClassCastException | NumberFormatException e) {
            // told below
        }
        throw new Refusal(
                "internal", "code point " + name + ": a number from 0 to 65535 was expected", "");
    }

    public int extension(String name) {
        return extensions.get(name);
    }

    public int alert(String name) {
        if (alerts.containsKey(name)) {
            return alerts.get(name);
        }
        return TLS_ALERTS.entrySet().stream()
                .filter(entry -> entry.getValue().equals(name))
                .mapToInt(Map.Entry::getKey)
                .findFirst()
                .orElseThrow();
    }

    public String alertName(int number) {
        return alerts.entrySet().stream()
                .filter(entry -> entry.getValue() == number)
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse(TLS_ALERTS.getOrDefault(number, "unknown"));
    }
}

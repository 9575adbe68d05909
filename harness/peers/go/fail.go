// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// failure is why a handshake, an appraisal or a parse ended: a reason of the peer contract, a
// sentence for people, the clause that was broken, and the alert that goes with it where this
// stack can choose one (0: by the reason).
type failure struct {
	reason, detail, clause string
	alert                  int
	received               bool // the peer sent the alert
}

func (f *failure) Error() string { return f.reason + ": " + f.detail }

func fail(reason, clause, format string, args ...any) *failure {
	return &failure{reason: reason, clause: clause, detail: fmt.Sprintf(format, args...)}
}

func (f *failure) withAlert(alert int) *failure {
	f.alert = alert
	return f
}

const (
	alertUnexpectedMessage    = 10
	alertBadCertificate       = 42
	alertIllegalParameter     = 47
	alertUnknownCA            = 48
	alertAccessDenied         = 49
	alertDecodeError          = 50
	alertDecryptError         = 51
	alertInternalError        = 80
	alertMissingExtension     = 109
	alertUnsupportedExtension = 110
	alertCertificateRequired  = 116
)

var alertNames = map[int]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
	40: "handshake_failure", 42: "bad_certificate", 43: "unsupported_certificate",
	44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
	51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
	109: "missing_extension", 110: "unsupported_extension", 112: "unrecognized_name",
	113: "bad_certificate_status_response", 115: "unknown_psk_identity",
	116: "certificate_required", 117: "general_error", 120: "no_application_protocol", 224: "unsupported_evidence",
	225: "unsupported_verifiers", 226: "attestation_failed",
	227: "unsupported_attestation_schemes", 228: "attestation_required",
}

func alertName(alert int) string {
	if name, known := alertNames[alert]; known {
		return name
	}
	return fmt.Sprintf("alert %d", alert)
}

// Reasons that are nobody's but this side's own.
var ownTrouble = map[string]bool{
	"verifier-unreachable": true, "verifier-timeout": true, "verifier-error": true,
	"verifier-garbage": true, "session-expired": true, "device-unavailable": true,
	"timeout": true, "internal": true,
}

// expatAlerts: what harness/peers/README.md says of expat-04; the rest is access_denied.
var expatAlerts = map[string]int{
	"attestation-missing":     alertMissingExtension,
	"malformed-extension":     alertDecodeError,
	"malformed-authenticator": alertDecodeError,
	"authenticator-context":   alertIllegalParameter,
	"authenticator-finished":  alertDecryptError,
	"application-data-early":  alertUnexpectedMessage,
	"certificate-untrusted":   alertBadCertificate,
	"nonce-length":            alertIllegalParameter,
	"malformed-cmw":           alertBadCertificate,
	"malformed-cbor":          alertBadCertificate,
	"malformed-cose":          alertBadCertificate,
	"malformed-claims":        alertBadCertificate,
	"malformed-result":        alertBadCertificate,
}

func (f *failure) expatAlert() int {
	switch {
	case f.alert != 0:
		return f.alert
	case ownTrouble[f.reason]:
		return alertInternalError
	case expatAlerts[f.reason] != 0:
		return expatAlerts[f.reason]
	}
	return alertAccessDenied
}

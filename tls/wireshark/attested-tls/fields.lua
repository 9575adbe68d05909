-- SPDX-License-Identifier: Apache-2.0
-- The names by which Wireshark filters and shows attested TLS: one table of all fields, the expert
-- infos, and the tables that give numbers their names. A field's name here is the table's key there.
local M = {}

M.CREDENTIAL_KINDS = { [0] = "ATTESTATION", "CERT_ATTESTATION" }
M.TYPE_ENCODINGS = { [0] = "CONTENT_FORMAT", "MEDIA_TYPE" }
M.MECHANISMS = { [0] = "evidence", "result" }
M.CONTENT_FORMATS = {
    [18] = 'application/cose; cose-type="cose-sign1"', [50] = "application/json",
    [60] = "application/cbor", [61] = "application/cwt",
    [263] = "application/eat+cwt", [264] = "application/eat+jwt",
    [265] = "application/eat-bun+cbor", [266] = "application/eat-bun+json",
    [267] = "application/eat-ucs+cbor", [268] = "application/eat-ucs+json",
    [273] = "application/cmw+cbor", [274] = "application/cmw+json",
    [275] = "application/cmw+cose", [276] = "application/cmw+jws",
    [10003] = 'application/eat+cwt; eat_profile="tag:psacertified.org,2023:psa#tfm"',
    [10004] = 'application/eat+cwt; eat_profile="tag:psacertified.org,2019:psa#legacy"',
}
M.ALGORITHMS = {
    [-7] = "ES256", [-35] = "ES384", [-36] = "ES512", [-8] = "EdDSA", [-9] = "ESP256",
    [-51] = "ESP384", [-37] = "PS256", [-38] = "PS384", [-257] = "RS256",
}
M.KEY_TYPES = { "OKP", "EC2", "RSA", "symmetric" }
M.CURVES = { "P-256", "P-384", "P-521", "X25519", [6] = "Ed25519" }
M.INDICATORS = { "reference values", "endorsements", "evidence", "attestation results",
    "appraisal policy" }
-- RFC 9783 section 4.3.1: the high byte counts.
M.LIFECYCLES = { [0x00] = "unknown", [0x10] = "assembly and test", [0x20] = "PSA RoT provisioning",
    [0x30] = "secured", [0x40] = "non-PSA RoT debug", [0x50] = "recoverable PSA RoT debug",
    [0x60] = "decommissioned" }

local text, bytes = ProtoField.string, ProtoField.bytes
M.fields = {
    message = text("atls.message", "Message"),
    extension = text("atls.extension", "Extension"),
    extension_type = ProtoField.uint16("atls.extension.type", "Extension type", base.DEC_HEX),
    list_length = ProtoField.uint16("atls.list_length", "List length (bytes)", base.DEC),
    length = ProtoField.uint32("atls.length", "Length (bytes)", base.DEC),
    offered = text("atls.offered", "Offered"),
    selected = text("atls.selected", "Selected"),
    credential_kind = ProtoField.uint8("atls.evidence_type.credential_kind", "Credential kind",
        base.DEC, M.CREDENTIAL_KINDS),
    type_encoding = ProtoField.uint8("atls.evidence_type.encoding", "Type encoding", base.DEC,
        M.TYPE_ENCODINGS),
    content_format = ProtoField.uint32("atls.content_format", "Content format", base.DEC,
        M.CONTENT_FORMATS),
    media_type = text("atls.media_type", "Media type"),
    nonce = bytes("atls.nonce", "Nonce"),
    verifier_id = text("atls.verifier_id", "Verifier identity"),
    mechanism = ProtoField.uint8("atls.scheme.mechanism", "Mechanism", base.DEC, M.MECHANISMS),
    alert = text("atls.alert", "Alert"),
    context = bytes("atls.certificate_request_context", "certificate_request_context"),
    authenticator = text("atls.authenticator", "Frame of exported authenticators"),
    line = text("atls.line", "Line of application data"),
    cmw = text("atls.cmw", "CMW"),
    cmw_form = text("atls.cmw.form", "Form"),
    cmw_serialization = text("atls.cmw.serialization", "Serialization"),
    cmw_tag = ProtoField.uint32("atls.cmw.tag", "Tag", base.HEX_DEC),
    cmw_indicator = text("atls.cmw.indicator", "Indicator"),
    cmw_label = text("atls.cmw.label", "Label"),
    cmw_collection_type = text("atls.cmw.collection_type", "Collection type (__cmwc_t)"),
    cmw_value = bytes("atls.cmw.value", "Value"),
    cose = text("atls.cose", "COSE_Sign1"),
    cose_algorithm = text("atls.cose.alg", "Algorithm"),
    cose_protected = bytes("atls.cose.protected", "Protected header"),
    cose_payload = bytes("atls.cose.payload", "Payload"),
    cose_signature = bytes("atls.cose.signature", "Signature"),
    claims = text("atls.claims", "Claims"),
    claim = text("atls.claim", "Claim"),
    eat_nonce = bytes("atls.eat.nonce", "eat_nonce"),
    eat_profile = text("atls.eat.profile", "eat_profile"),
    kat_nonce = bytes("atls.kat.nonce", "KAT eat_nonce"),
    kat_identity_key = text("atls.kat.identity_key", "Identity key (cnf)"),
    kat_attestation_key = text("atls.kat.kak", "Key attestation key (kak-pub)"),
    key_type = text("atls.key.kty", "kty"),
    key_curve = text("atls.key.crv", "crv"),
    key_x = bytes("atls.key.x", "x"),
    key_y = bytes("atls.key.y", "y"),
    key_id = bytes("atls.key.kid", "kid"),
    psa_nonce = bytes("atls.psa.nonce", "PSA nonce (hash of kak-pub in a CAB)"),
    psa_profile = text("atls.psa.profile", "Profile"),
    psa_instance_id = bytes("atls.psa.instance_id", "Instance id"),
    psa_client_id = text("atls.psa.client_id", "Client id"),
    psa_lifecycle = text("atls.psa.lifecycle", "Security lifecycle"),
    psa_implementation_id = bytes("atls.psa.implementation_id", "Implementation id"),
    psa_boot_seed = bytes("atls.psa.boot_seed", "Boot seed"),
    psa_certification = text("atls.psa.certification_reference", "Certification reference"),
    psa_hardware_version = text("atls.psa.hardware_version", "Hardware version"),
    psa_service = text("atls.psa.vsi", "Verification service"),
    psa_component = text("atls.psa.component", "Software component"),
    component_type = text("atls.psa.component.type", "Measurement type"),
    component_value = bytes("atls.psa.component.value", "Measurement value"),
    component_version = text("atls.psa.component.version", "Version"),
    component_signer = bytes("atls.psa.component.signer", "Signer id"),
    component_description = text("atls.psa.component.description", "Hash algorithm"),
    jwt = text("atls.jwt", "JWS"),
    jwt_algorithm = text("atls.jwt.alg", "Algorithm"),
    jwt_header = text("atls.jwt.header", "Header"),
    jwt_claims = text("atls.jwt.claims", "Claims"),
    jwt_signature = bytes("atls.jwt.signature", "Signature"),
    ear_profile = text("atls.ear.profile", "Profile"),
    ear_issuer = text("atls.ear.iss", "Issuer"),
    ear_verifier = text("atls.ear.verifier", "Verifier"),
    ear_issued = text("atls.ear.iat", "Issued at"),
    ear_expires = text("atls.ear.exp", "Expires"),
    ear_nonce = bytes("atls.ear.nonce", "eat_nonce"),
    ear_submod = text("atls.ear.submod", "Submodule"),
    ear_status = text("atls.ear.status", "Status"),
    ear_trust = text("atls.ear.trust", "Trustworthiness"),
    ear_key = bytes("atls.ear.key", "Attested key (SubjectPublicKeyInfo)"),
    ear_reason = text("atls.ear.reason", "Reason"),
}

M.experts = {
    malformed = ProtoExpert.new("atls.malformed", "Malformed", expert.group.MALFORMED,
        expert.severity.ERROR),
    unusual = ProtoExpert.new("atls.unusual", "Unusual", expert.group.PROTOCOL,
        expert.severity.WARN),
    encoding = ProtoExpert.new("atls.encoding", "Not deterministic encoding",
        expert.group.PROTOCOL, expert.severity.NOTE),
    refused = ProtoExpert.new("atls.refused", "Attestation was refused", expert.group.SECURITY,
        expert.severity.NOTE),
    mistake = ProtoExpert.new("atls.mistake", "The dissector has a mistake", expert.group.DEBUG,
        expert.severity.ERROR),
}

return M

// SPDX-License-Identifier: Apache-2.0
package atls;

import java.security.cert.X509Certificate;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Attestation inside of one handshake, between the TLS library's adapter and the roles: what the
 * hellos offer and select, what goes with or in place of the own certificate, and what comes with
 * or in place of the peer's. A {@link Refusal} from here is to end the handshake.
 */
public final class Handshake {
    private static final int CERTIFICATE_REQUIRED = 116;
    private static final int DECODE_ERROR = 50;
    private static final int ILLEGAL_PARAMETER = 47;
    private static final int UNSUPPORTED_EXTENSION = 110;

    private final Conversation conversation;
    private final Party party;
    private final Options options;
    private final Profile profile;
    private final Transcript transcript;
    private final Negotiation negotiation;
    private final List<Negotiation.Type> types;
    private boolean settled;
    private RelyingParty.Appraisal appraisal;

    public Handshake(Conversation conversation, Transcript transcript) {
        this.conversation = conversation;
        this.transcript = transcript;
        party = conversation.party;
        options = party.options;
        profile = options.profile;
        negotiation = new Negotiation(profile);
        types = options.types();
    }

    private Negotiation.Selection own() {
        return options.client ? negotiation.ofClient : negotiation.ofServer;
    }

    private Negotiation.Selection peers() {
        return options.client ? negotiation.ofServer : negotiation.ofClient;
    }

    private List<String> ownVerifier() {
        String identity = options.text("verifier-id", null);
        return identity == null ? List.of() : List.of(identity);
    }

    private List<String> trusted() {
        return List.copyOf(options.trusted.keySet());
    }

    private boolean mustNegotiate() {
        boolean inHellos =
                profile.carrier == Profile.Carrier.IN_PLACE
                        || profile.carrier == Profile.Carrier.IN_ENTRY;
        return party.relyingParty != null && options.required && inHellos;
    }

    private Map<Integer, byte[]> numbered(Map<String, byte[]> bodies) {
        Map<Integer, byte[]> numbered = new LinkedHashMap<>();
        bodies.forEach((name, body) -> numbered.put(party.points.extension(name), body));
        return numbered;
    }

    private Map<String, byte[]> named(Map<Integer, byte[]> bodies) {
        Map<String, byte[]> named = new LinkedHashMap<>();
        for (String name : profile.helloExtensions()) {
            byte[] body = bodies.get(party.points.extension(name));
            if (body != null) {
                named.put(name, body);
            }
        }
        return named;
    }

    /** A client: the extensions of its ClientHello. */
    public Map<Integer, byte[]> offer() throws Refusal {
        if (profile.helloExtensions().isEmpty()) {
            conversation.tellExtensions("offer", "sent", Map.of());
            return Map.of();
        }
        Negotiation.fill(negotiation.client, options.attester, types, ownVerifier());
        Negotiation.fill(negotiation.server, options.relyingParty, types, trusted());
        if (profile == Profile.TA_07 && !negotiation.server.types.isEmpty()) {
            appraisal = conversation.appraise(Options.BACKGROUND_CHECK);
            negotiation.server.nonce = appraisal.nonce();
            conversation.peerModel = Options.NONE; // nothing is agreed on yet
        }
        Map<String, byte[]> bodies = negotiation.writeOffers();
        conversation.tellExtensions("offer", "sent", bodies);
        return numbered(bodies);
    }

    /** A server: all extensions of the ClientHello. */
    public void offered(Map<Integer, byte[]> extensions) throws Refusal {
        Map<String, byte[]> bodies = named(extensions);
        conversation.tellExtensions("offer", "received", bodies);
        negotiation.readOffers(bodies);
        try {
            negotiation.choose(
                    negotiation.client,
                    negotiation.ofClient,
                    options.relyingParty,
                    types,
                    trusted());
        } catch (Refusal refusal) {
            if (options.required) {
                throw refusal;
            }
        }
        if (mustNegotiate() && peers().model().equals(Options.NONE)) {
            throw new Refusal(
                    "attestation-missing",
                    "attestation is required of the client, which proposes none",
                    profile.clause);
        }
        negotiation.choose(
                negotiation.server, negotiation.ofServer, options.attester, types, ownVerifier());
        settle();
        if (profile == Profile.TA_07 && peers().type != null) {
            peers().nonce = appraisal.nonce();
        }
    }

    /** A server: the extensions of its EncryptedExtensions. */
    public Map<Integer, byte[]> select() {
        Map<String, byte[]> bodies = negotiation.writeSelections();
        conversation.tellExtensions("selected", "sent", bodies);
        return numbered(bodies);
    }

    /** A server: the number of the extension of its CertificateRequest and its body, or nothing. */
    public Map<Integer, byte[]> request() {
        byte[] body = negotiation.writeRequest();
        if (body == null) {
            return Map.of();
        }
        tellRequest("sent", body);
        return numbered(Map.of(profile.entryExtension, body));
    }

    private void tellRequest(String direction, byte[] body) {
        party.events.tell(
                "selected",
                "conn",
                conversation.conn,
                "direction",
                direction,
                "extensions",
                Map.of(profile.entryExtension, Bytes.hex(body)),
                "x_message",
                "CertificateRequest");
    }

    /** A client: all extensions of EncryptedExtensions. */
    public void selected(Map<Integer, byte[]> extensions) throws Refusal {
        Map<String, byte[]> bodies = named(extensions);
        conversation.tellExtensions("selected", "received", bodies);
        negotiation.readSelections(bodies);
    }

    /** A client: the extensions of CertificateRequest. */
    public void requested(Map<Integer, byte[]> extensions) throws Refusal {
        byte[] body =
                profile != Profile.SEAT_06 ? null : named(extensions).get(profile.entryExtension);
        if (body != null) {
            tellRequest("received", body);
            if (negotiation.client.isEmpty() && negotiation.server.isEmpty()) {
                throw new Refusal(
                                "unexpected-selection",
                                "an extension came that was not in the ClientHello",
                                "RFC 8446 section 4.2")
                        .withAlert(UNSUPPORTED_EXTENSION);
            }
            negotiation.readRequest(body);
        }
    }

    /** The client knows all answers once the Certificate comes; the server, once it has chosen. */
    private void settle() throws Refusal {
        if (settled) {
            return;
        }
        settled = true;
        if (options.client) {
            negotiation.checkSelections();
        }
        if (mustNegotiate() && peers().model().equals(Options.NONE)) {
            throw new Refusal(
                    "attestation-missing",
                    "attestation is required of the server, which selects none",
                    profile.clause);
        }
        conversation.selfModel = own().model();
        tellNegotiated("attester", own());
        tellNegotiated("relying-party", peers());
        String model = peers().model();
        boolean begun =
                options.client
                        && profile == Profile.TA_07
                        && model.equals(Options.BACKGROUND_CHECK);
        conversation.peerModel = model;
        if (!begun && appraisal != null) {
            appraisal.end();
        }
        if (!begun && !model.equals(Options.NONE)) {
            appraisal = conversation.appraise(model);
        }
        if (model.equals(Options.PASSPORT)) {
            appraisal.expectVerifier(Conversation.textOf(Negotiation.bytes(peers().verifier)));
        }
    }

    private void tellNegotiated(String role, Negotiation.Selection selection) {
        if (!selection.model().equals(Options.NONE)) {
            party.events.tell(
                    "negotiated",
                    "conn",
                    conversation.conn,
                    "role",
                    role,
                    "model",
                    selection.model(),
                    "evidence_type",
                    selection.type == null ? null : selection.type.toString(),
                    "verifier_id",
                    selection.verifier == null
                            ? null
                            : Conversation.textOf(Negotiation.bytes(selection.verifier)));
        }
    }

    /** Does the own credential go in place of the certificate? */
    public boolean presentsInPlace() {
        return party.attestsInPlace()
                && !own().model().equals(Options.NONE)
                && !own().beside(profile);
    }

    /** Does the peer's come in place of its certificate? */
    public boolean expectsInPlace() {
        return profile.carrier == Profile.Carrier.IN_PLACE
                && !peers().model().equals(Options.NONE)
                && !peers().beside(profile);
    }

    /** The credential that goes in place of the certificate. */
    public byte[] inPlace() throws Refusal {
        conversation.signedWith = party.attestedKey().spki();
        return own().type != null
                ? party.attester.evidence(conversation.conn, "received", nonceForSelf())
                : party.attester.result(conversation.conn, null);
    }

    private byte[] nonceForSelf() {
        return options.client ? negotiation.ofClient.nonce : negotiation.server.nonce;
    }

    /** The extensions of the own first CertificateEntry. */
    public Map<Integer, byte[]> besideCertificate() throws Refusal {
        if (profile.carrier == Profile.Carrier.IN_CERTIFICATE) {
            conversation.presentLeaf();
        }
        boolean beside = !own().model().equals(Options.NONE) && own().beside(profile);
        if (!beside) {
            return Map.of();
        }
        byte[] spki = X509.key(party.chain.get(0)).spki();
        conversation.signedWith = spki;
        byte[] cmw;
        if (own().type != null) {
            cmw =
                    party.attester.evidence(
                            conversation.conn, "computed", binder(spki, nonceForSelf()));
        } else {
            byte[] answered = profile.resultAnswers() ? binder(spki, null) : null;
            cmw = party.attester.result(conversation.conn, answered);
        }
        byte[] payload =
                profile.payloadPrefix == 0
                        ? cmw
                        : new Bytes.Writer().vector(profile.payloadPrefix, cmw).done();
        if (payload.length > 0xffff) {
            throw new Refusal(
                    "internal",
                    "a CMW of " + cmw.length + " bytes does not fit into an extension",
                    profile.clause);
        }
        return numbered(Map.of(profile.entryExtension, payload));
    }

    private byte[] binder(byte[] spki, byte[] nonce) throws Refusal {
        if (profile == Profile.TA_07) {
            return Binder.ta07(
                    transcript.hash(),
                    transcript.handshakeSecret(),
                    transcript.hellos("message-hash"),
                    nonce);
        }
        return Binder.seat(
                transcript.hash(), transcript.hellos(options.reading("hello-retry")), spki);
    }

    /** The peer's CMW, the only thing in its Certificate: the key that is to sign. */
    public EcKey receiveInPlace(List<byte[]> entries, List<Map<Integer, byte[]>> extensions)
            throws Refusal {
        settle();
        if (entries.isEmpty()) {
            throw appraisal.missing(
                    missing(true, "a CMW was expected in the Certificate, which is empty"));
        }
        if (entries.size() > 1 || !extensions.get(0).isEmpty()) {
            throw new Refusal(
                    "malformed-cmw",
                    "one CertificateEntry without extensions was expected",
                    profile.clause);
        }
        EcKey key = appraisal.credential(entries.get(0));
        conversation.verifiedWith = key.spki();
        return key;
    }

    private Refusal missing(boolean empty, String detail) {
        int alert =
                !empty
                        ? party.points.alert("attestation_failed")
                        : options.client ? DECODE_ERROR : CERTIFICATE_REQUIRED;
        return new Refusal("attestation-missing", detail, profile.clause).withAlert(alert);
    }

    /** The peer's X.509 chain and the extensions of its entries. */
    public void receive(List<byte[]> chain, List<Map<Integer, byte[]>> extensions) throws Refusal {
        settle();
        if (profile.entryExtension == null || profile.carrier == Profile.Carrier.IN_AUTHENTICATOR) {
            conversation.receiveChain(chain);
            return;
        }
        int number = party.points.extension(profile.entryExtension);
        boolean agreed = !peers().model().equals(Options.NONE);
        for (int i = 0; i < extensions.size(); i++) {
            if (extensions.get(i).containsKey(number) && !agreed) {
                throw new Refusal(
                                "malformed-extension",
                                "an extension of attestation came, and none was negotiated",
                                "RFC 8446 section 4.2")
                        .withAlert(UNSUPPORTED_EXTENSION);
            }
            if (extensions.get(i).containsKey(number) && i > 0) {
                throw new Refusal(
                                "malformed-extension",
                                "the extension came in another CertificateEntry than the first",
                                profile.clause)
                        .withAlert(ILLEGAL_PARAMETER);
            }
        }
        if (!agreed) {
            conversation.receiveChain(chain);
            return;
        }
        if (chain.isEmpty()) {
            throw appraisal.missing(missing(true, "the Certificate is empty"));
        }
        byte[] payload = extensions.get(0).get(number);
        if (payload == null) {
            throw appraisal.missing(
                    missing(
                            false,
                            "attestation was negotiated, and the first CertificateEntry has no"
                                    + " extension for it"));
        }
        receiveBeside(chain, payload);
    }

    private void receiveBeside(List<byte[]> chain, byte[] payload) throws Refusal {
        byte[] cmw = payload;
        if (profile.payloadPrefix > 0) {
            Bytes.Reader in = new Bytes.Reader(payload, "malformed-extension", profile.clause);
            cmw = in.vector("cmw_payload", profile.payloadPrefix, 1, 0xffffff);
            in.end("extension of a CertificateEntry");
        }
        X509Certificate leaf = conversation.verifyChain(chain);
        EcKey key = X509.key(leaf);
        byte[] nonce = options.client ? negotiation.server.nonce : negotiation.ofClient.nonce;
        if (appraisal.takesBinder(profile)) {
            appraisal.expectAnswerTo(binder(key.spki(), nonce));
        }
        appraisal.expectKey(key);
        appraisal.credential(cmw);
    }
}

// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One connection as the contract sees it: who attested what to whom, the first thing that went
 * wrong, and the line each way. The TLS library's adapter calls it as messages come and go; a
 * {@link Refusal} from here is to become the alert that {@link #alertFor} names.
 */
public final class Conversation {
    private static final int LINE_MAX = 4095;
    private static final int CERTIFICATE_REQUIRED = 116;
    private static final int DECODE_ERROR = 50;

    public final Party party;
    public final int conn;
    public boolean hrr;

    String selfModel = Options.NONE;
    String peerModel = Options.NONE;
    byte[] signedWith;
    byte[] verifiedWith;
    boolean accepted;

    private final long start = System.nanoTime();
    private RelyingParty.Appraisal appraisal;
    private Refusal failure;
    private int alert = -1;
    private boolean alertReceived;
    private boolean reported;

    public Conversation(Party party, int conn) {
        this.party = party;
        this.conn = conn;
        party.events.tell("connection", "conn", conn);
    }

    /** The first failure is the one that is told. */
    public Refusal fail(Refusal refusal) {
        if (failure == null) {
            failure = refusal;
        }
        return failure;
    }

    public boolean hasFailed() {
        return failure != null;
    }

    public Refusal failure() {
        return failure;
    }

    public int alertFor(Refusal refusal) {
        return party.options.profile.alert(refusal, party.points);
    }

    public void alertSent(int number) {
        if (alert < 0) {
            alert = number;
        }
    }

    public void alertReceived(int number) {
        if (alert < 0 && failure == null) {
            String name = party.points.alertName(number);
            fail(
                    new Refusal(
                            "peer-alert",
                            "the peer ended the connection with " + name + " (" + number + ")",
                            ""));
            alert = number;
            alertReceived = true;
        }
    }

    /** "offer" of the ClientHello, "selected" of what answers it: bodies by name. */
    public void tellExtensions(String event, String direction, Map<String, byte[]> bodies) {
        Map<String, String> hex = new LinkedHashMap<>();
        bodies.forEach((name, body) -> hex.put(name, Bytes.hex(body)));
        party.events.tell(event, "conn", conn, "direction", direction, "extensions", hex);
    }

    /** What the own leaf carries is about to go out (x509-cmw). */
    public void presentLeaf() throws Refusal {
        Options options = party.options;
        if (options.attester.isEmpty() || !selfModel.equals(Options.NONE)) {
            return;
        }
        byte[] cmw = party.leafCmw();
        selfModel = modelOf(cmw, options.attester);
        signedWith = party.chain.get(0).getPublicKey().getEncoded();
        party.journal.credential(conn, "sent", cmw);
    }

    /** Of the models of this side the one that fits what was found, or its first. */
    static String modelOf(byte[] cmw, List<String> models) {
        String model = Options.BACKGROUND_CHECK;
        try {
            model = Cmw.parse(cmw).is(MediaType.EAT_JWT) ? Options.PASSPORT : model;
        } catch (Refusal refusal) {
            // whoever appraises it will say what is wrong
        }
        return models.contains(model) ? model : models.get(0);
    }

    /** Verifies a chain (DER) like any other; the leaf is the result. */
    X509Certificate verifyChain(List<byte[]> chain) throws Refusal {
        if (chain.isEmpty()) {
            throw new Refusal(
                            party.relyingParty != null
                                    ? "attestation-missing"
                                    : "certificate-untrusted",
                            "the Certificate is empty",
                            "RFC 8446 section 4.4.2.4")
                    .withAlert(party.options.client ? DECODE_ERROR : CERTIFICATE_REQUIRED);
        }
        List<X509Certificate> parsed = new ArrayList<>();
        for (byte[] der : chain) {
            parsed.add(X509.parse(der));
        }
        X509.verify(parsed, party.anchors, party.options.client ? party.options.host : null);
        verifiedWith = parsed.get(0).getPublicKey().getEncoded();
        return parsed.get(0);
    }

    /** The peer's Certificate, where attestation is in its leaf or nowhere. */
    public void receiveChain(List<byte[]> chain) throws Refusal {
        X509Certificate leaf = verifyChain(chain);
        boolean inside = party.options.profile.carrier == Profile.Carrier.IN_CERTIFICATE;
        if (party.relyingParty == null || !inside) {
            accepted = true;
            return;
        }
        byte[] cmw = X509.findCmw(leaf);
        if (cmw == null) {
            requireNothing("the certificate has no extension with a CMW");
            return;
        }
        EcKey key = X509.key(leaf);
        appraise(modelOf(cmw, party.options.relyingParty));
        if (peerModel.equals(
                Options.PASSPORT)) { // nothing was agreed on: the first that is trusted
            appraisal.expectVerifier(party.options.trusted.keySet().iterator().next());
        }
        appraisal.expectAnswerTo(Bytes.hash(key.curve().hash, key.spki()));
        appraisal.expectKey(key);
        appraisal.credential(cmw);
    }

    /** The peer attests nothing: will that do? */
    void requireNothing(String detail) throws Refusal {
        if (party.relyingParty != null && party.options.required) {
            throw new Refusal("attestation-missing", detail, party.options.profile.clause);
        }
        accepted = true;
    }

    RelyingParty.Appraisal appraise(String model) {
        peerModel = model;
        appraisal = party.relyingParty.begin(conn, model);
        return appraisal;
    }

    /** The peer has proven that it has the key: now the verdict is worth its price. */
    public void proven() throws Refusal {
        if (accepted) {
            return;
        }
        if (appraisal == null) {
            throw new Refusal("internal", "there is nothing to judge the peer by", "");
        }
        appraisal.judge();
        accepted = true;
    }

    /** Before anything is said behind the handshake: nobody goes on without what it must have. */
    public void checkComplete() throws Refusal {
        boolean must =
                party.relyingParty != null
                        && party.options.profile.carrier != Profile.Carrier.IN_AUTHENTICATOR;
        if (must && !accepted) {
            throw new Refusal("internal", "the handshake is over without an accepted verdict", "");
        }
    }

    public void reportHandshake() {
        if (reported) {
            return;
        }
        reported = true;
        boolean failed = failure != null;
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("conn", conn);
        fields.put("outcome", failed ? "failed" : "complete");
        fields.put("reason", failed ? failure.reason : "ok");
        fields.put("detail", failed ? String.valueOf(failure.getMessage()) : "");
        fields.put("clause", failed ? failure.clause : "");
        fields.put("alert", failed ? alertField() : null);
        fields.put("hrr", hrr);
        fields.put("seconds", (System.nanoTime() - start) / 1e9);
        fields.put("self_attested", selfModel);
        fields.put("peer_attested", failed && !accepted ? Options.NONE : peerModel);
        if (signedWith != null) {
            fields.put("signed_with", Bytes.hex(signedWith));
        }
        if (verifiedWith != null) {
            fields.put("verified_with", Bytes.hex(verifiedWith));
        }
        party.events.write("handshake", fields);
    }

    private Map<String, Object> alertField() {
        if (alert < 0) {
            return null;
        }
        Map<String, Object> field = new LinkedHashMap<>();
        field.put("direction", alertReceived ? "received" : "sent");
        field.put("code", alert);
        field.put("name", party.points.alertName(alert));
        return field;
    }

    /** The last word. */
    public boolean close() {
        if (appraisal != null) {
            appraisal.end();
        }
        if (reported && failure != null) { // behind the handshake: no event has a place for it
            System.err.println(
                    "connection " + conn + ": " + failure.reason + ": " + failure.getMessage());
        }
        reportHandshake();
        party.events.tell(
                "closed", "conn", conn, "outcome", failure == null ? "complete" : "failed");
        return failure == null;
    }

    /** What is behind the handshake: attestation where it comes late, and a line each way. */
    public void exchange(Link link) throws IOException, Refusal {
        if (party.options.profile.carrier == Profile.Carrier.IN_AUTHENTICATOR) {
            new Expat(this, link).run();
            return;
        }
        checkComplete();
        if (party.options.client) {
            sendLine(link);
            receiveLine(link);
        } else {
            reportHandshake();
            receiveLine(link);
            sendLine(link);
        }
    }

    private void sendLine(Link link) throws IOException {
        link.output().write(Bytes.utf8(party.options.message + "\n"));
        link.output().flush();
        tellLine("sent", Bytes.utf8(party.options.message));
    }

    void tellLine(String direction, byte[] text) {
        party.events.tell(
                "application-data", "conn", conn, "direction", direction, "text", textOf(text));
    }

    /** Text of the peer: as it is where it is UTF-8, in hexadecimal where it is not. */
    static String textOf(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            return Bytes.hex(bytes);
        }
    }

    private void receiveLine(Link link) throws IOException, Refusal {
        InputStream in = link.input();
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int octet = in.read(); octet != '\n'; octet = in.read()) {
            if (octet < 0) {
                throw new Refusal("peer-closed", "the peer left before its line was whole", "");
            }
            reportHandshake(); // a client knows only now that the server accepted it
            if (line.size() == LINE_MAX) {
                throw new Refusal(
                                "protocol-error",
                                "expected a line of at most " + LINE_MAX + " bytes, came more",
                                "RFC 8446 section 6.2")
                        .withAlert(DECODE_ERROR);
            }
            line.write(octet);
        }
        reportHandshake();
        tellLine("received", line.toByteArray());
    }
}

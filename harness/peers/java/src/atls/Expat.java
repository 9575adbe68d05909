// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.security.SecureRandom;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * seat-expat-04 behind the handshake: frames, requests and authenticators, and "done" from both
 * sides before the line of application data. One frame is dealt with at a time, so an answer may
 * wait for an appraisal of this side; nobody's progress depends on it.
 */
final class Expat {
    private static final String FRAMES = "harness/peers/README.md, frames of expat-04";
    private static final int REQUEST = 1;
    private static final int AUTHENTICATOR = 2;
    private static final int LINE = 3;
    private static final int DONE = 4;
    private static final int ALERT = 5;
    private static final long[][] BOUNDS = {
        {}, {1, 65535}, {1, 1 << 20}, {0, 4095}, {0, 0}, {1, 1}
    };
    private static final int EXPORTED_SIZE = 32;
    private static final int CONTEXT_SIZE = 32;
    private static final int UNEXPECTED_MESSAGE = 10;
    private static final int ILLEGAL_PARAMETER = 47;

    private final Conversation conversation;
    private final Party party;
    private final Options options;
    private final Link link;
    private final Rfc9261 authenticators;
    private final int extension;

    private RelyingParty.Appraisal appraisal;
    private byte[] context;
    private boolean open; // a request of this side waits for its answer
    private int asked;
    private int requests;
    private Rfc9261.Authenticator toJudge;
    private Rfc9261.Request toAnswer;
    private boolean satisfied;
    private boolean doneSent;
    private boolean doneReceived;
    private boolean lineSent;
    private boolean lineReceived;

    Expat(Conversation conversation, Link link) throws IOException, Refusal {
        this.conversation = conversation;
        this.link = link;
        party = conversation.party;
        options = party.options;
        authenticators = new Rfc9261(link, options.client);
        boolean other = options.reading("cmw-code-point").equals("0xFFFF");
        extension = other ? 0xFFFF : party.points.extension(options.profile.entryExtension);
    }

    private static Refusal unexpected(String detail) {
        return new Refusal("malformed-authenticator", detail, FRAMES).withAlert(UNEXPECTED_MESSAGE);
    }

    /** To the end: a line each way. What has come is looked at before anything is said. */
    void run() throws IOException, Refusal {
        satisfied = party.relyingParty == null;
        if (!satisfied) {
            ask();
        }
        while (true) {
            while (!(lineSent && lineReceived) && link.pending()) {
                take();
            }
            if (doneSent && doneReceived) {
                conversation.reportHandshake();
            }
            if (toAnswer != null) {
                answer();
            } else if (toJudge != null) {
                judge();
            } else if (satisfied && !doneSent) {
                sendDone();
            } else if (doneSent && doneReceived && maySpeak()) {
                sendLine();
            } else if (lineSent && lineReceived) {
                return;
            } else {
                take();
            }
        }
    }

    /** The client's line is the first. */
    private boolean maySpeak() {
        return !lineSent && (options.client || lineReceived);
    }

    private void send(int type, byte[] body) throws IOException {
        link.output().write(new Bytes.Writer().number(type, 1).vector(3, body).done());
        link.output().flush();
    }

    private void sendDone() throws IOException {
        doneSent = true;
        send(DONE, Bytes.EMPTY);
    }

    private void sendLine() throws IOException {
        lineSent = true;
        byte[] line = Bytes.utf8(options.message);
        send(LINE, line);
        conversation.tellLine("sent", line);
    }

    private byte[] read(int size) throws IOException, Refusal {
        InputStream in = link.input();
        byte[] bytes = new byte[size];
        for (int at = 0; at < size; ) {
            int count = in.read(bytes, at, size - at);
            if (count < 0) {
                throw new Refusal("peer-closed", "the peer left before its line was whole", "");
            }
            at += count;
        }
        return bytes;
    }

    private void take() throws IOException, Refusal {
        Bytes.Reader header = new Bytes.Reader(read(4), "malformed-authenticator", FRAMES);
        int type = (int) header.number("frame type", 1);
        long size = header.number("frame length", 3);
        if (type < REQUEST || type > ALERT || size < BOUNDS[type][0] || size > BOUNDS[type][1]) {
            throw header.refusal("a frame of type " + type + " with " + size + " bytes");
        }
        byte[] body = read((int) size);
        switch (type) {
            case REQUEST -> requested(body);
            case AUTHENTICATOR -> authenticated(body);
            case LINE -> line(body);
            case DONE -> {
                if (doneReceived || toAnswer != null) {
                    throw unexpected("done came twice, or while an answer was awaited");
                }
                doneReceived = true;
            }
            default -> {
                conversation.alertReceived(body[0] & 0xff);
                throw new EOFException("an alert came in a frame");
            }
        }
    }

    private void line(byte[] text) throws Refusal {
        if (!doneSent || !doneReceived) {
            throw new Refusal(
                    "application-data-early",
                    "application data came before attestation was complete",
                    options.profile.clause);
        }
        if (lineReceived) {
            throw unexpected("one line was expected, another one came");
        }
        lineReceived = true;
        conversation.reportHandshake();
        conversation.tellLine("received", text);
    }

    private void tell(String direction, String message, int round, byte[] ofContext, int bytes) {
        party.events.tell(
                "authenticator",
                "conn",
                conversation.conn,
                "direction",
                direction,
                "message",
                message,
                "round",
                round,
                "context",
                Bytes.hex(ofContext),
                "bytes",
                bytes);
    }

    // The relying party.

    private void ask() throws IOException, Refusal {
        if (party.relyingParty.wants(Options.BACKGROUND_CHECK)) {
            appraisal = party.relyingParty.begin(conversation.conn, Options.BACKGROUND_CHECK);
            context = appraisal.nonce();
        } else {
            context = new byte[CONTEXT_SIZE];
            new SecureRandom().nextBytes(context);
        }
        Map<Integer, byte[]> extensions = new LinkedHashMap<>();
        extensions.put(extension, Bytes.EMPTY);
        // ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, rsa_pss_rsae_sha256, ed25519
        extensions.put(Rfc9261.SIGNATURE_ALGORITHMS, Bytes.unhex("00080403050308040807"));
        byte[] request = authenticators.ask(context, extensions);
        asked++;
        open = true;
        tell("sent", "request", asked, context, request.length);
        send(REQUEST, request);
    }

    private void authenticated(byte[] bytes) throws Refusal {
        boolean empty = Rfc9261.isEmpty(bytes);
        byte[] came = empty && open ? context : Rfc9261.contextOf(bytes);
        boolean due = open && (empty || Bytes.equal(came, context));
        tell("received", empty ? "empty" : "authenticator", due ? asked : 0, came, bytes.length);
        Rfc9261.Authenticator parsed;
        try {
            parsed = authenticators.validate(bytes, due ? context : knownOrNull(came));
        } catch (Refusal refusal) {
            if (due && refusal.reason.equals("attestation-missing") && !options.required) {
                satisfied();
                return;
            }
            throw refusal;
        }
        if (!due) {
            throw unexpected("an authenticator came that nobody asked for");
        }
        open = false;
        toJudge = parsed;
    }

    /** A context of an earlier round is known to be used up; another one is of no request. */
    private byte[] knownOrNull(byte[] came) {
        return authenticators.knows(came) ? came : null;
    }

    private void judge() throws IOException, Refusal {
        Rfc9261.Authenticator parsed = toJudge;
        toJudge = null;
        List<byte[]> chain = new ArrayList<>();
        for (int i = 0; i < parsed.entries().size(); i++) {
            Rfc9261.Entry entry = parsed.entries().get(i);
            chain.add(entry.certificate());
            if (i > 0 && entry.extensions().containsKey(extension)) {
                throw new Refusal(
                                "malformed-extension",
                                "cmw_attestation was expected in the first CertificateEntry only",
                                options.profile.clause)
                        .withAlert(ILLEGAL_PARAMETER);
            }
        }
        X509Certificate leaf = conversation.verifyChain(chain);
        byte[] payload = parsed.entries().get(0).extensions().get(extension);
        if (payload == null) {
            if (options.required) {
                throw new Refusal(
                        "attestation-missing",
                        "the authenticator has no cmw_attestation",
                        options.profile.clause);
            }
            satisfied();
            return;
        }
        Bytes.Reader in = new Bytes.Reader(payload, "malformed-extension", options.profile.clause);
        byte[] cmw = in.vector("cmw_data", options.profile.payloadPrefix, 1, 0xffff);
        in.end("cmw_attestation");
        EcKey key = X509.key(leaf);
        String model = chooseAppraisal(cmw);
        appraisal.expectAnswerTo(binding(key, context));
        appraisal.expectKey(key);
        appraisal.credential(cmw);
        appraisal.judge();
        conversation.peerModel = model;
        conversation.verifiedWith = key.spki();
        if (asked <= options.reattest) {
            ask();
        } else {
            satisfied();
        }
    }

    /** What nobody negotiated: a result, or evidence? */
    private String chooseAppraisal(byte[] cmw) {
        String model = Conversation.modelOf(cmw, options.relyingParty);
        if (model.equals(Options.BACKGROUND_CHECK)) {
            return model;
        }
        if (appraisal != null) {
            appraisal.end();
        }
        appraisal = party.relyingParty.begin(conversation.conn, model);
        String first = options.trusted.keySet().iterator().next();
        String issuer = issuerOf(cmw);
        appraisal.expectVerifier(options.trusted.containsKey(issuer) ? issuer : first);
        return model;
    }

    /** Who says that it made the result; unverified, it only chooses the key to verify by. */
    private static String issuerOf(byte[] cmw) {
        try {
            return String.valueOf(Result.parse(Cmw.parse(cmw).value()).issuer);
        } catch (Refusal refusal) {
            return "";
        }
    }

    private void satisfied() {
        open = false;
        if (appraisal != null) {
            appraisal.end();
        }
        conversation.accepted = true;
        satisfied = true;
    }

    /** By the readings of H6 and H7 that this side has. */
    private byte[] binding(EcKey key, byte[] ofContext) throws IOException {
        byte[] bytes =
                switch (options.reading("public-key")) {
                    case "raw-point" -> key.point();
                    case "cose-key" -> key.coseKey();
                    default -> key.spki();
                };
        byte[] exported = link.export(options.reading("exporter-label"), ofContext, EXPORTED_SIZE);
        return Binder.expat(link.hash(), bytes, exported);
    }

    // The attester.

    private void requested(byte[] bytes) throws Refusal {
        if (doneReceived) {
            throw unexpected("a request came behind done");
        }
        Rfc9261.Request request = authenticators.asked(bytes);
        requests++;
        tell("received", "request", requests, request.context(), bytes.length);
        if (toAnswer != null) {
            throw unexpected("a request came while the one before it was open");
        }
        byte[] data = request.extensions().get(extension);
        if (data != null && data.length > 0 && party.attester != null) {
            throw new Refusal(
                    "malformed-extension",
                    "cmw_attestation of a request was expected to be empty",
                    options.profile.clause);
        }
        toAnswer = request;
    }

    private void answer() throws IOException, Refusal {
        Rfc9261.Request request = toAnswer;
        toAnswer = null;
        boolean attests = request.extensions().containsKey(extension) && party.attester != null;
        byte[] answer =
                party.chain.isEmpty()
                        ? authenticators.answer(request.context(), List.of(), 0, null)
                        : identity(request, attests);
        boolean empty = Rfc9261.isEmpty(answer);
        tell("sent", empty ? "empty" : "authenticator", requests, request.context(), answer.length);
        send(AUTHENTICATOR, answer);
    }

    private byte[] identity(Rfc9261.Request request, boolean attests) throws IOException, Refusal {
        EcKey leaf = X509.key(party.chain.get(0));
        List<Rfc9261.Entry> entries = new ArrayList<>();
        for (X509Certificate one : party.chain) {
            entries.add(new Rfc9261.Entry(encoded(one), new LinkedHashMap<>()));
        }
        if (attests) {
            byte[] cmw = credential(leaf, request.context());
            byte[] payload = new Bytes.Writer().vector(options.profile.payloadPrefix, cmw).done();
            if (payload.length > 0xffff) {
                throw new Refusal(
                        "internal", "a CMW of at most 65533 bytes fits", options.profile.clause);
            }
            entries.get(0).extensions().put(extension, payload);
            conversation.signedWith = leaf.spki();
        }
        int scheme = leaf.curve() == EcKey.Curve.P256 ? Rfc9261.ECDSA_P256 : Rfc9261.ECDSA_P384;
        return authenticators.answer(
                request.context(),
                entries,
                scheme,
                content -> party.sign(Bytes.hash(leaf.curve().hash, content), false));
    }

    private byte[] credential(EcKey leaf, byte[] ofContext) throws IOException, Refusal {
        conversation.selfModel = options.attester.get(0);
        return conversation.selfModel.equals(Options.BACKGROUND_CHECK)
                ? party.attester.evidence(conversation.conn, "computed", binding(leaf, ofContext))
                : party.attester.result(conversation.conn, null);
    }

    private static byte[] encoded(X509Certificate certificate) {
        try {
            return certificate.getEncoded();
        } catch (CertificateEncodingException e) {
            throw new IllegalStateException(e);
        }
    }
}

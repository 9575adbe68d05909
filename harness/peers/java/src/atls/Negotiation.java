// SPDX-License-Identifier: Apache-2.0
package atls;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the hello extensions say, and the choice among it. In tls-attestation-07 and
 * seat-early-attestation-04 four extensions speak of one attester and one mechanism each; in
 * seat-early-attestation-06 one speaks of all. CLIENT and SERVER below are the attester's side.
 */
public final class Negotiation {
    private static final String REASON = "malformed-extension";
    private static final int LIST_MAX = 32;
    private static final int NONCE_MIN = 8;
    private static final int ILLEGAL_PARAMETER = 47;

    /** An evidence type; text and identities are Latin-1 here, so that any bytes survive. */
    public record Type(int kind, int format, String mediaType) {
        static Type ofOption(String option, boolean beside) throws Options.Unsupported {
            int kind = beside ? 1 : 0;
            if (option.matches("cf:[0-9]{1,5}")
                    && Integer.parseInt(option.substring(3)) < 0x10000) {
                return new Type(kind, Integer.parseInt(option.substring(3)), null);
            }
            if (MediaType.parse(option) == null || option.length() > 251) {
                throw new Options.Unsupported("evidence type " + option);
            }
            return new Type(kind, -1, option);
        }

        private String name() {
            return mediaType != null ? mediaType : MediaType.ofContentFormat(format);
        }

        /** A content format and the media type that it stands for are one. */
        boolean means(Type other) {
            boolean both =
                    name() != null && other.name() != null && MediaType.equal(name(), other.name());
            boolean numbers = mediaType == null && other.mediaType == null;
            return equals(other) || kind == other.kind && !numbers && both;
        }

        @Override
        public String toString() {
            return mediaType != null ? mediaType : "cf:" + format;
        }
    }

    /** What one side can attest with (its own offer), or what its relying party takes. */
    static final class Offer {
        final List<Type> types = new ArrayList<>();
        final List<String> verifiers = new ArrayList<>();
        byte[] nonce = Bytes.EMPTY;
        boolean resultsFirst;

        boolean isEmpty() {
            return types.isEmpty() && verifiers.isEmpty();
        }
    }

    /** How one side attests: by evidence of TYPE, by a result of VERIFIER, or not at all. */
    static final class Selection {
        Type type;
        String verifier;
        byte[] nonce = Bytes.EMPTY;

        String model() {
            return type != null
                    ? Options.BACKGROUND_CHECK
                    : verifier != null ? Options.PASSPORT : Options.NONE;
        }

        boolean beside(Profile profile) {
            return profile.carrier == Profile.Carrier.IN_ENTRY || type != null && type.kind == 1;
        }
    }

    private final Profile profile;
    final Offer client = new Offer();
    final Offer server = new Offer();
    final Selection ofClient = new Selection();
    final Selection ofServer = new Selection();

    public Negotiation(Profile profile) {
        this.profile = profile;
    }

    static String latin(String text) {
        return new String(Bytes.utf8(text), StandardCharsets.ISO_8859_1);
    }

    static byte[] bytes(String latin) {
        return latin.getBytes(StandardCharsets.ISO_8859_1);
    }

    private boolean hasKind() {
        return profile == Profile.TA_07;
    }

    private boolean hasNonce() {
        return profile == Profile.TA_07;
    }

    /** Fills in what this side says of itself, or of what it takes. */
    static void fill(Offer offer, List<String> models, List<Type> types, List<String> identities) {
        offer.resultsFirst = !models.isEmpty() && models.get(0).equals(Options.PASSPORT);
        if (models.contains(Options.BACKGROUND_CHECK)) {
            offer.types.addAll(types);
        }
        if (models.contains(Options.PASSPORT)) {
            identities.forEach(identity -> offer.verifiers.add(latin(identity)));
        }
    }

    private void writeType(Bytes.Writer out, Type type) {
        if (hasKind()) {
            out.number(type.kind, 1);
        }
        out.number(type.mediaType == null ? 0 : 1, 1);
        if (type.mediaType == null) {
            out.number(type.format, 2);
        } else {
            out.vector(2, bytes(type.mediaType));
        }
    }

    private Type readType(Bytes.Reader in) throws Refusal {
        int kind = hasKind() ? (int) in.number("credential_kind", 1) : 0;
        long encoding = in.number("type_encoding", 1);
        if (encoding == 0) {
            return new Type(kind, (int) in.number("content_format", 2), null);
        }
        if (encoding != 1) {
            throw in.refusal("type_encoding is 0 or 1, came " + encoding);
        }
        byte[] name = in.vector("media_type", 2, 0, 0xffff);
        return new Type(kind, -1, new String(name, StandardCharsets.ISO_8859_1));
    }

    private Bytes.Reader reader(byte[] body) {
        return new Bytes.Reader(body, REASON, profile.clause);
    }

    private String readVerifier(Bytes.Reader in) throws Refusal {
        byte[] identity = in.vector("verifier_identity", 2, 0, 0xffff);
        return new String(identity, StandardCharsets.ISO_8859_1);
    }

    /** The ClientHello's extensions, by name. */
    Map<String, byte[]> writeOffers() {
        Map<String, byte[]> bodies = new LinkedHashMap<>();
        if (profile == Profile.SEAT_06) {
            if (!client.isEmpty() || !server.isEmpty()) {
                byte[] body =
                        new Bytes.Writer()
                                .vector(2, schemes(server))
                                .vector(2, schemes(client))
                                .done();
                bodies.put("remoteAttestation", body);
            }
            return bodies;
        }
        putTypes(bodies, "evidence_proposal", client, false);
        putTypes(bodies, "evidence_request", server, hasNonce());
        putVerifiers(bodies, "results_proposal", client);
        putVerifiers(bodies, "results_request", server);
        return bodies;
    }

    private byte[] schemes(Offer offer) {
        Bytes.Writer results = new Bytes.Writer();
        offer.verifiers.forEach(identity -> results.number(1, 1).vector(2, bytes(identity)));
        Bytes.Writer evidence = new Bytes.Writer();
        offer.types.forEach(type -> writeType(evidence.number(0, 1), type));
        return offer.resultsFirst
                ? Bytes.concat(results.done(), evidence.done())
                : Bytes.concat(evidence.done(), results.done());
    }

    private void putTypes(Map<String, byte[]> bodies, String name, Offer offer, boolean nonce) {
        if (!offer.types.isEmpty()) {
            Bytes.Writer list = new Bytes.Writer();
            offer.types.forEach(type -> writeType(list, type));
            Bytes.Writer body = new Bytes.Writer().vector(1, list.done());
            bodies.put(name, (nonce ? body.vector(1, offer.nonce) : body).done());
        }
    }

    private void putVerifiers(Map<String, byte[]> bodies, String name, Offer offer) {
        if (!offer.verifiers.isEmpty()) {
            Bytes.Writer list = new Bytes.Writer();
            offer.verifiers.forEach(identity -> list.vector(2, bytes(identity)));
            bodies.put(name, new Bytes.Writer().vector(1, list.done()).done());
        }
    }

    void readOffers(Map<String, byte[]> bodies) throws Refusal {
        for (Map.Entry<String, byte[]> entry : bodies.entrySet()) {
            Bytes.Reader in = reader(entry.getValue());
            switch (entry.getKey()) {
                case "remoteAttestation" -> readSchemes(in);
                case "evidence_proposal" -> readTypes(in, client);
                case "evidence_request" -> {
                    readTypes(in, server);
                    server.nonce = hasNonce() ? readNonce(in) : Bytes.EMPTY;
                }
                case "results_proposal" -> readVerifiers(in, client);
                default -> readVerifiers(in, server);
            }
            in.end(entry.getKey());
        }
    }

    private byte[] readNonce(Bytes.Reader in) throws Refusal {
        byte[] nonce = in.vector("nonce", 1, 0, 0xff);
        if (nonce.length < NONCE_MIN) {
            throw new Refusal(
                    "nonce-length",
                    "a nonce has 8 to 255 bytes, this one " + nonce.length,
                    profile.clause);
        }
        return nonce;
    }

    private void readTypes(Bytes.Reader in, Offer offer) throws Refusal {
        Bytes.Reader list = reader(in.vector("evidence types", 1, 1, 0xff));
        while (list.left() > 0) {
            offer.types.add(readType(list));
        }
    }

    private void readVerifiers(Bytes.Reader in, Offer offer) throws Refusal {
        Bytes.Reader list = reader(in.vector("trusted_verifiers", 1, 1, 0xff));
        while (list.left() > 0) {
            offer.verifiers.add(readVerifier(list));
        }
    }

    private void readSchemes(Bytes.Reader in) throws Refusal {
        byte[] ofServers = in.vector("server_attester_schemes", 2, 0, 0xffff);
        byte[] ofClients = in.vector("client_attester_schemes", 2, 0, 0xffff);
        readSchemes(reader(ofServers), server);
        readSchemes(reader(ofClients), client);
        if (client.isEmpty() && server.isEmpty()) {
            throw new Refusal(
                    "no-common-evidence-type",
                    "at least one attestation scheme was expected, both lists are empty",
                    profile.clause);
        }
    }

    /** A scheme has no length: one of an unknown kind ends the list. */
    private void readSchemes(Bytes.Reader in, Offer offer) throws Refusal {
        while (in.left() > 0) {
            if (offer.types.size() + offer.verifiers.size() == LIST_MAX) {
                throw in.refusal("more than " + LIST_MAX + " schemes");
            }
            Selection one = readScheme(in);
            if (one.type != null) {
                offer.types.add(one.type);
            } else {
                offer.verifiers.add(one.verifier);
            }
        }
    }

    private Selection readScheme(Bytes.Reader in) throws Refusal {
        Selection selection = new Selection();
        long mechanism = in.number("mechanism", 1);
        if (mechanism == 0) {
            selection.type = readType(in);
        } else if (mechanism == 1) {
            selection.verifier = readVerifier(in);
        } else {
            throw in.refusal("a mechanism is evidence (0) or result (1), came " + mechanism);
        }
        return selection;
    }

    private byte[] scheme(Selection selection) {
        Bytes.Writer out = new Bytes.Writer();
        if (selection.type != null) {
            writeType(out.number(0, 1), selection.type);
        } else {
            out.number(1, 1).vector(2, bytes(selection.verifier));
        }
        return out.done();
    }

    /** The extensions of EncryptedExtensions, by name. */
    Map<String, byte[]> writeSelections() {
        Map<String, byte[]> bodies = new LinkedHashMap<>();
        if (profile == Profile.SEAT_06) {
            if (!ofServer.model().equals(Options.NONE)) {
                bodies.put("remoteAttestation", scheme(ofServer));
            }
            return bodies;
        }
        putSelection(bodies, "evidence_proposal", "results_proposal", ofClient, hasNonce());
        putSelection(bodies, "evidence_request", "results_request", ofServer, false);
        return bodies;
    }

    private void putSelection(
            Map<String, byte[]> bodies,
            String evidence,
            String results,
            Selection selection,
            boolean nonce) {
        if (selection.type != null) {
            Bytes.Writer body = new Bytes.Writer();
            writeType(body, selection.type);
            bodies.put(evidence, (nonce ? body.vector(1, selection.nonce) : body).done());
        } else if (selection.verifier != null) {
            bodies.put(results, new Bytes.Writer().vector(2, bytes(selection.verifier)).done());
        }
    }

    /** The extension of CertificateRequest, or null. */
    byte[] writeRequest() {
        boolean asks = profile == Profile.SEAT_06 && !ofClient.model().equals(Options.NONE);
        return asks ? scheme(ofClient) : null;
    }

    void readRequest(byte[] body) throws Refusal {
        Bytes.Reader in = reader(body);
        Selection read = readScheme(in);
        in.end("remoteAttestation of CertificateRequest");
        ofClient.type = read.type;
        ofClient.verifier = read.verifier;
    }

    void readSelections(Map<String, byte[]> bodies) throws Refusal {
        for (Map.Entry<String, byte[]> entry : bodies.entrySet()) {
            Bytes.Reader in = reader(entry.getValue());
            switch (entry.getKey()) {
                case "remoteAttestation" -> {
                    Selection read = readScheme(in);
                    ofServer.type = read.type;
                    ofServer.verifier = read.verifier;
                }
                case "evidence_proposal" -> {
                    ofClient.type = readType(in);
                    ofClient.nonce = hasNonce() ? readNonce(in) : Bytes.EMPTY;
                }
                case "evidence_request" -> ofServer.type = readType(in);
                case "results_proposal" -> ofClient.verifier = readVerifier(in);
                default -> ofServer.verifier = readVerifier(in);
            }
            in.end(entry.getKey());
        }
    }

    /** The client's look at what was chosen. */
    void checkSelections() throws Refusal {
        check(client, ofClient);
        check(server, ofServer);
    }

    private void check(Offer offer, Selection selection) throws Refusal {
        boolean both = selection.type != null && selection.verifier != null;
        boolean type = selection.type == null || offer.types.contains(selection.type);
        boolean verifier =
                selection.verifier == null || offer.verifiers.contains(selection.verifier);
        if (both || !type || !verifier) {
            throw new Refusal(
                            "unexpected-selection",
                            "the server selected what was not offered",
                            profile.clause)
                    .withAlert(ILLEGAL_PARAMETER);
        }
    }

    /**
     * The server's choice for one attester, by its own preference; both sides' element is the
     * offer's.
     */
    void choose(
            Offer offer,
            Selection selection,
            List<String> models,
            List<Type> types,
            List<String> identities)
            throws Refusal {
        if (models.isEmpty() || offer.isEmpty()) {
            return;
        }
        for (String model : models) {
            boolean evidence = model.equals(Options.BACKGROUND_CHECK);
            for (Type own : evidence ? types : List.<Type>of()) {
                selection.type = offer.types.stream().filter(own::means).findFirst().orElse(null);
                if (selection.type != null) {
                    return;
                }
            }
            for (String own : evidence ? List.<String>of() : identities) {
                if (offer.verifiers.contains(latin(own))) {
                    selection.verifier = latin(own);
                    return;
                }
            }
        }
        // The complaint is about the most preferred model that the peer speaks at all.
        boolean lacks = !offer.types.isEmpty();
        for (int i = models.size() - 1; i >= 0; i--) {
            boolean evidence = models.get(i).equals(Options.BACKGROUND_CHECK);
            if (evidence ? !offer.types.isEmpty() : !offer.verifiers.isEmpty()) {
                lacks = evidence;
            }
        }
        throw lacks
                ? new Refusal(
                        "no-common-evidence-type",
                        "no evidence type in common: expected one of "
                                + types
                                + ", offered were "
                                + offer.types,
                        profile.clause)
                : new Refusal(
                        "no-common-verifier",
                        "no verifier in common: expected one of "
                                + identities
                                + ", offered were "
                                + offer.verifiers,
                        profile.clause);
    }
}

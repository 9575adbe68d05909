// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Exported authenticators (RFC 9261) over the exporter of a TLS 1.3 connection. */
final class Rfc9261 {
    static final int SIGNATURE_ALGORITHMS = 13;
    static final int ECDSA_P256 = 0x0403;
    static final int ECDSA_P384 = 0x0503;

    private static final String MALFORMED = "malformed-authenticator";
    private static final int REQUEST_OF_SERVER = 13;
    private static final int REQUEST_OF_CLIENT = 17;
    private static final int CERTIFICATE = 11;
    private static final int CERTIFICATE_VERIFY = 15;
    private static final int FINISHED = 20;
    private static final int RSA_PSS = 0x0804;
    private static final int ED25519 = 0x0807;
    private static final int SIZE_MAX = 1 << 20;
    private static final int EXCHANGES_MAX = 1024;
    private static final int UNEXPECTED_MESSAGE = 10;
    private static final int ILLEGAL_PARAMETER = 47;
    private static final int DECRYPT_ERROR = 51;
    private static final int MISSING_EXTENSION = 109;
    private static final int UNSUPPORTED_EXTENSION = 110;
    private static final int CERTIFICATE_REQUIRED = 116;

    record Entry(byte[] certificate, Map<Integer, byte[]> extensions) {}

    record Request(byte[] context, Map<Integer, byte[]> extensions, List<Integer> schemes) {}

    record Authenticator(byte[] context, List<Entry> entries) {}

    interface Signer {
        byte[] sign(byte[] content) throws Refusal;
    }

    /** What one side's authenticators are made with (section 5.1). */
    private record Keys(byte[] handshakeContext, byte[] finishedKey) {}

    private static final class Exchange {
        boolean askedHere;
        boolean done;
        byte[] request;
        Request parsed;
    }

    private final String hash;
    private final boolean client;
    private final Keys ownKeys;
    private final Keys peerKeys;
    private final Map<Integer, byte[]> hello;
    private final Map<String, Exchange> exchanges = new HashMap<>();

    Rfc9261(Link link, boolean client) throws IOException, Refusal {
        this.hash = link.hash();
        this.client = client;
        Keys ofClient = keys(link, "client");
        Keys ofServer = keys(link, "server");
        ownKeys = client ? ofClient : ofServer;
        peerKeys = client ? ofServer : ofClient;
        hello = extensions(link.helloExtensions());
    }

    private Keys keys(Link link, String sender) throws IOException {
        int size = Bytes.hash(hash).length;
        return new Keys(
                link.export(
                        "EXPORTER-" + sender + " authenticator handshake context",
                        Bytes.EMPTY,
                        size),
                link.export(
                        "EXPORTER-" + sender + " authenticator finished key", Bytes.EMPTY, size));
    }

    private static Refusal malformed(String detail, String clause) {
        return new Refusal(MALFORMED, detail, clause);
    }

    private static Bytes.Reader reader(byte[] in, String clause) {
        return new Bytes.Reader(in, MALFORMED, clause);
    }

    private static byte[] message(int type, byte[] body) {
        return new Bytes.Writer().number(type, 1).vector(3, body).done();
    }

    /** The body of the next message, which must be of this type. */
    private static byte[] body(Bytes.Reader in, String what, int type) throws Refusal {
        long came = in.number(what, 1);
        if (came != type) {
            throw in.refusal(what + ": expected message type " + type + ", came " + came)
                    .withAlert(UNEXPECTED_MESSAGE);
        }
        return in.vector(what, 3, 0, SIZE_MAX);
    }

    private static Map<Integer, byte[]> extensions(byte[] block) throws Refusal {
        Bytes.Reader in = reader(block, "RFC 8446 section 4.2");
        Map<Integer, byte[]> extensions = new LinkedHashMap<>();
        while (in.left() > 0) {
            int type = (int) in.number("extension_type", 2);
            if (extensions.put(type, in.vector("extension_data", 2, 0, 0xffff)) != null) {
                throw in.refusal("extension " + type + " comes twice").withAlert(ILLEGAL_PARAMETER);
            }
        }
        return extensions;
    }

    private static byte[] block(Map<Integer, byte[]> extensions) {
        Bytes.Writer out = new Bytes.Writer();
        extensions.forEach((type, data) -> out.number(type, 2).vector(2, data));
        return out.done();
    }

    /** MANY: whose fault it is that there are too many. */
    private void checkNew(byte[] context, String many) throws Refusal {
        if (exchanges.containsKey(Bytes.hex(context))) {
            throw new Refusal(
                    "authenticator-context",
                    "certificate_request_context was used on this connection",
                    "RFC 9261 section 4");
        }
        if (exchanges.size() == EXCHANGES_MAX) {
            throw new Refusal(
                    many,
                    "more than " + EXCHANGES_MAX + " authenticators on a connection",
                    "");
        }
    }

    private void remember(boolean askedHere, byte[] request, Request parsed) {
        Exchange exchange = new Exchange();
        exchange.askedHere = askedHere;
        exchange.request = request;
        exchange.parsed = parsed;
        exchanges.put(Bytes.hex(parsed.context), exchange);
    }

    /** A request of this side. */
    byte[] ask(byte[] context, Map<Integer, byte[]> extensions) throws Refusal {
        byte[] body = new Bytes.Writer().vector(1, context).vector(2, block(extensions)).done();
        byte[] request = message(client ? REQUEST_OF_CLIENT : REQUEST_OF_SERVER, body);
        checkNew(context, "internal");
        remember(true, request, parse(request, client));
        return request;
    }

    /** A request of the peer's. */
    Request asked(byte[] request) throws Refusal {
        Request parsed = parse(request, !client);
        checkNew(parsed.context, MALFORMED);
        remember(false, request, parsed);
        return parsed;
    }

    private static Request parse(byte[] request, boolean ofClient) throws Refusal {
        Bytes.Reader in = reader(request, "RFC 9261 section 4");
        byte[] body =
                body(in, "authenticator request", ofClient ? REQUEST_OF_CLIENT : REQUEST_OF_SERVER);
        in.end("authenticator request");
        in = reader(body, "RFC 9261 section 4");
        byte[] context = in.vector("certificate_request_context", 1, 0, 0xff);
        Map<Integer, byte[]> extensions = extensions(in.vector("extensions", 2, 2, 0xffff));
        in.end("authenticator request");
        byte[] data = extensions.get(SIGNATURE_ALGORITHMS);
        if (data == null) {
            throw malformed("request: no signature_algorithms", "RFC 9261 section 7.1")
                    .withAlert(MISSING_EXTENSION);
        }
        in = reader(data, "RFC 8446 section 4.2.3");
        Bytes.Reader list =
                reader(
                        in.vector("supported_signature_algorithms", 2, 2, 65534),
                        "RFC 8446 section 4.2.3");
        in.end("signature_algorithms");
        List<Integer> schemes = new ArrayList<>();
        while (list.left() > 0) {
            schemes.add((int) list.number("scheme", 2));
        }
        return new Request(context, extensions, schemes);
    }

    /** Hash(Handshake Context || request || MESSAGES). */
    private byte[] transcript(Keys keys, byte[] request, byte[]... messages) {
        return Bytes.hash(
                hash, Bytes.concat(keys.handshakeContext, request, Bytes.concat(messages)));
    }

    private static byte[] signed(byte[] transcript) {
        byte[] pad = new byte[64];
        java.util.Arrays.fill(pad, (byte) 0x20);
        return Bytes.concat(pad, Bytes.utf8("Exported Authenticator"), new byte[1], transcript);
    }

    private byte[] finished(Keys keys, byte[] request, byte[]... messages) {
        return Binder.hmac(hash, keys.finishedKey, transcript(keys, request, messages));
    }

    private static byte[] emptyCertificate(byte[] context) {
        return message(CERTIFICATE, new Bytes.Writer().vector(1, context).number(0, 3).done());
    }

    /** The answer to the request with this context; ENTRIES empty: an empty authenticator. */
    byte[] answer(byte[] context, List<Entry> entries, int scheme, Signer signer) throws Refusal {
        Exchange exchange = exchanges.get(Bytes.hex(context));
        if (exchange == null || exchange.askedHere || exchange.done) {
            throw new Refusal(
                    "internal",
                    "no request with this context waits for an answer",
                    "RFC 9261 section 5.2");
        }
        exchange.done = true;
        if (entries.isEmpty() || !exchange.parsed.schemes.contains(scheme)) {
            return message(
                    FINISHED, finished(ownKeys, exchange.request, emptyCertificate(context)));
        }
        Bytes.Writer list = new Bytes.Writer();
        entries.forEach(
                entry -> list.vector(3, entry.certificate).vector(2, block(entry.extensions)));
        byte[] certificate =
                message(
                        CERTIFICATE,
                        new Bytes.Writer().vector(1, context).vector(3, list.done()).done());
        byte[] signature = signer.sign(signed(transcript(ownKeys, exchange.request, certificate)));
        byte[] verify =
                message(
                        CERTIFICATE_VERIFY,
                        new Bytes.Writer().number(scheme, 2).vector(2, signature).done());
        return Bytes.concat(
                certificate,
                verify,
                message(FINISHED, finished(ownKeys, exchange.request, certificate, verify)));
    }

    boolean knows(byte[] context) {
        return exchanges.containsKey(Bytes.hex(context));
    }

    static boolean isEmpty(byte[] authenticator) {
        return authenticator[0] == FINISHED;
    }

    /** The context that an authenticator says it answers; empty where it is an empty one. */
    static byte[] contextOf(byte[] authenticator) throws Refusal {
        if (isEmpty(authenticator)) {
            return Bytes.EMPTY;
        }
        Bytes.Reader in = reader(authenticator, "RFC 9261 section 7.2");
        Bytes.Reader body = reader(body(in, "Certificate", CERTIFICATE), "RFC 9261 section 7.2");
        return body.vector("certificate_request_context", 1, 0, 0xff);
    }

    /** Checks an answer to the request of CONTEXT, or (null) one that nobody asked for. */
    Authenticator validate(byte[] authenticator, byte[] context) throws Refusal {
        Exchange exchange = context == null ? null : exchanges.get(Bytes.hex(context));
        if (exchange != null && (!exchange.askedHere || exchange.done)) {
            throw new Refusal(
                    "authenticator-context",
                    "certificate_request_context was used before",
                    "RFC 9261 section 5.2.1");
        }
        if (isEmpty(authenticator)) {
            checkEmpty(authenticator, context, exchange);
        }
        if (exchange == null && !client) {
            throw malformed(
                            "a client sends no authenticator that nobody asked for",
                            "RFC 9261 section 5")
                    .withAlert(UNEXPECTED_MESSAGE);
        }
        Bytes.Reader in = reader(authenticator, "RFC 9261 section 5.2");
        byte[] certificateBody = body(in, "Certificate", CERTIFICATE);
        byte[] verifyBody = body(in, "CertificateVerify", CERTIFICATE_VERIFY);
        byte[] verifyData = body(in, "Finished", FINISHED);
        in.end("authenticator");
        Authenticator parsed = certificate(certificateBody);
        checkEntries(parsed, context, exchange);
        byte[] request = exchange == null ? Bytes.EMPTY : exchange.request;
        byte[] certificate = message(CERTIFICATE, certificateBody);
        checkSignature(
                parsed, exchange, verifyBody, signed(transcript(peerKeys, request, certificate)));
        byte[] expected =
                finished(peerKeys, request, certificate, message(CERTIFICATE_VERIFY, verifyBody));
        checkFinished(expected, verifyData);
        if (exchange != null) {
            exchange.done = true;
        }
        return parsed;
    }

    private void checkEmpty(byte[] authenticator, byte[] context, Exchange exchange)
            throws Refusal {
        Bytes.Reader in = reader(authenticator, "RFC 9261 section 6");
        byte[] verifyData = body(in, "Finished", FINISHED);
        in.end("empty authenticator");
        if (exchange == null) {
            throw malformed("an empty authenticator that nobody asked for", "RFC 9261 section 6")
                    .withAlert(UNEXPECTED_MESSAGE);
        }
        checkFinished(finished(peerKeys, exchange.request, emptyCertificate(context)), verifyData);
        exchange.done = true;
        throw new Refusal(
                        "attestation-missing",
                        "the peer answered with an empty authenticator",
                        "RFC 9261 section 6")
                .withAlert(CERTIFICATE_REQUIRED);
    }

    private static void checkFinished(byte[] expected, byte[] came) throws Refusal {
        if (came.length != expected.length) {
            throw malformed(
                    "Finished: expected " + expected.length + " bytes, came " + came.length,
                    "RFC 9261 section 5.2.3");
        }
        if (!Bytes.equal(expected, came)) {
            throw new Refusal(
                    "authenticator-finished",
                    "Finished is not that of this connection and these messages",
                    "RFC 9261 section 5.2.3");
        }
    }

    private static Authenticator certificate(byte[] body) throws Refusal {
        Bytes.Reader in = reader(body, "RFC 8446 section 4.4.2");
        byte[] context = in.vector("certificate_request_context", 1, 0, 0xff);
        Bytes.Reader list =
                reader(in.vector("certificate_list", 3, 0, 0xffffff), "RFC 8446 section 4.4.2");
        in.end("Certificate");
        List<Entry> entries = new ArrayList<>();
        while (list.left() > 0) {
            byte[] der = list.vector("cert_data", 3, 1, 0xffffff);
            entries.add(new Entry(der, extensions(list.vector("extensions", 2, 0, 0xffff))));
        }
        return new Authenticator(context, entries);
    }

    private void checkEntries(Authenticator parsed, byte[] context, Exchange exchange)
            throws Refusal {
        if (exchange != null && !Bytes.equal(parsed.context, context)) {
            throw new Refusal(
                    "authenticator-context",
                    "certificate_request_context is not that of the request",
                    "RFC 9261 section 5.2.1");
        }
        if (exchange == null) {
            checkNew(parsed.context, MALFORMED);
        }
        if (parsed.entries.isEmpty()) {
            throw malformed(
                    "Certificate: no entry; a refusal is a Finished alone", "RFC 9261 section 6");
        }
        Map<Integer, byte[]> offered = exchange == null ? hello : exchange.parsed.extensions;
        for (Entry entry : parsed.entries) {
            for (int type : entry.extensions.keySet()) {
                if (!offered.containsKey(type)) {
                    throw new Refusal(
                                    "malformed-extension",
                                    "extension " + type + " was not asked for",
                                    "RFC 9261 section 5.2.1")
                            .withAlert(UNSUPPORTED_EXTENSION);
                }
            }
        }
    }

    private void checkSignature(
            Authenticator parsed, Exchange exchange, byte[] body, byte[] content) throws Refusal {
        Bytes.Reader in = reader(body, "RFC 9261 section 5.2.2");
        int scheme = (int) in.number("algorithm", 2);
        byte[] signature = in.vector("signature", 2, 0, 0xffff);
        in.end("CertificateVerify");
        if (exchange != null && !exchange.parsed.schemes.contains(scheme)) {
            throw malformed(
                            String.format("signature scheme 0x%04x was not offered", scheme),
                            "RFC 9261 section 5.2.2")
                    .withAlert(ILLEGAL_PARAMETER);
        }
        X509Certificate leaf = X509.parse(parsed.entries.get(0).certificate);
        if (!verifies(leaf.getPublicKey(), scheme, content, signature)) {
            throw new Refusal(
                            "key-mismatch",
                            "CertificateVerify is not by the key of the certificate",
                            "RFC 9261 section 5.2.2")
                    .withAlert(DECRYPT_ERROR);
        }
    }

    private static boolean verifies(PublicKey key, int scheme, byte[] content, byte[] signature) {
        try {
            if (scheme == ECDSA_P256 || scheme == ECDSA_P384) {
                EcKey.Curve curve = scheme == ECDSA_P256 ? EcKey.Curve.P256 : EcKey.Curve.P384;
                EcKey leaf =
                        EcKey.ofSpki(key.getEncoded(), "key-mismatch", "RFC 8446 section 4.2.3");
                return leaf.curve() == curve && leaf.verifiesDer(content, signature);
            }
            Signature verifier =
                    Signature.getInstance(scheme == ED25519 ? "Ed25519" : "RSASSA-PSS");
            if (scheme == RSA_PSS) {
                verifier.setParameter(
                        new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1));
            } else if (scheme != ED25519) {
                return false;
            }
            verifier.initVerify(key);
            verifier.update(content);
            return verifier.verify(signature);
        } catch (GeneralSecurityException | Refusal e) {
            return false; // a key of another kind, or a signature that cannot be read
        }
    }
}

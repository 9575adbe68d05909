// SPDX-License-Identifier: Apache-2.0
package atls.jsse;

import atls.Conversation;
import atls.Link;
import atls.Party;
import atls.Refusal;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * One connection. JSSE gives a program two places to be in a handshake: which certificate goes out,
 * and whether the one that came will do. It refuses with an alert of its own choice.
 */
final class Session implements Link, AutoCloseable {
    private static final String ALIAS = "own";
    private static final int BAD_CERTIFICATE = 42;
    private static final int CERTIFICATE_UNKNOWN = 46;
    private static final int INTERNAL_ERROR = 80;
    private static final Pattern RECEIVED = Pattern.compile("Received fatal alert: ([a-z_]+)");

    private final Conversation conversation;
    private final Party party;
    private final SSLSocket socket;
    private boolean helloTold;

    Session(Conversation conversation, Socket below) throws IOException {
        this.conversation = conversation;
        this.party = conversation.party;
        try {
            SSLContext context = SSLContext.getInstance("TLSv1.3");
            context.init(new KeyManager[] {new OwnKey()}, new TrustManager[] {new Judge()}, null);
            socket =
                    (SSLSocket)
                            context.getSocketFactory()
                                    .createSocket(
                                            below, party.options.host, party.options.port, true);
        } catch (GeneralSecurityException e) {
            throw new IOException(e);
        }
        socket.setUseClientMode(party.options.client);
        socket.setEnabledProtocols(new String[] {"TLSv1.3"});
        if (!party.options.client) {
            socket.setNeedClientAuth(party.relyingParty != null);
        }
    }

    void handshake() throws IOException {
        if (party.options.client) {
            conversation.tellExtensions("offer", "sent", Map.of());
        }
        socket.startHandshake();
    }

    /** Nothing is negotiated; a server tells so once it has seen a ClientHello. */
    private void tellHellos() {
        if (!party.options.client && !helloTold) {
            helloTold = true;
            conversation.tellExtensions("offer", "received", Map.of());
            conversation.tellExtensions("selected", "sent", Map.of());
        }
    }

    /** What the library says went wrong; what this side refused is told already. */
    static Refusal meaning(Conversation conversation, SSLException e) {
        String text = String.valueOf(e.getMessage());
        Matcher received = RECEIVED.matcher(text);
        if (received.find()) {
            try {
                conversation.alertReceived(conversation.party.points.alert(received.group(1)));
                return conversation.failure();
            } catch (NoSuchElementException unknown) { // one that TLS 1.3 has no more
                return new Refusal("peer-alert", "JSSE: " + text, "");
            }
        }
        if (conversation.hasFailed()) { // inside of a signature
            conversation.alertSent(INTERNAL_ERROR);
            return conversation.failure();
        }
        if (text.contains("Empty client certificate chain")) {
            conversation.alertSent(BAD_CERTIFICATE);
            return new Refusal(
                    "attestation-missing", "the Certificate is empty", "RFC 8446 section 4.4.2.4");
        }
        if (text.contains("CertificateVerify")) {
            return new Refusal("key-mismatch", "JSSE: " + text, "RFC 8446 section 4.4.3");
        }
        return new Refusal(
                text.contains("closed") ? "peer-closed" : "internal", "JSSE: " + text, "");
    }

    /** The own chain, and a key that signs elsewhere. */
    private final class OwnKey extends X509ExtendedKeyManager {
        private String choose(String... types) {
            return !party.chain.isEmpty() && Arrays.asList(types).contains("EC") ? ALIAS : null;
        }

        @Override
        public String chooseClientAlias(String[] types, Principal[] issuers, Socket peer) {
            return choose(types);
        }

        @Override
        public String chooseServerAlias(String type, Principal[] issuers, Socket peer) {
            return choose(type);
        }

        @Override
        public String chooseEngineClientAlias(
                String[] types, Principal[] issuers, SSLEngine engine) {
            return choose(types);
        }

        @Override
        public String chooseEngineServerAlias(String type, Principal[] issuers, SSLEngine engine) {
            return choose(type);
        }

        @Override
        public String[] getClientAliases(String type, Principal[] issuers) {
            return choose(type) == null ? null : new String[] {ALIAS};
        }

        @Override
        public String[] getServerAliases(String type, Principal[] issuers) {
            return getClientAliases(type, issuers);
        }

        @Override
        public X509Certificate[] getCertificateChain(String alias) {
            tellHellos();
            try {
                conversation.presentLeaf();
            } catch (Refusal refusal) {
                conversation.fail(refusal);
                return null;
            }
            return party.chain.toArray(new X509Certificate[0]);
        }

        @Override
        public PrivateKey getPrivateKey(String alias) {
            return new DeviceKeys.Key(conversation);
        }
    }

    /**
     * The verdict on what came. JSSE asks here, before it has seen CertificateVerify; that one is
     * checked next, and the handshake does not complete without.
     */
    private final class Judge extends X509ExtendedTrustManager {
        private void judge(X509Certificate[] chain, boolean ofServer) throws CertificateException {
            if (ofServer) {
                conversation.tellExtensions("selected", "received", Map.of());
            }
            List<byte[]> encoded = new ArrayList<>();
            for (X509Certificate one : chain) {
                encoded.add(one.getEncoded());
            }
            try {
                conversation.receiveChain(encoded);
                conversation.proven();
            } catch (Refusal refusal) {
                conversation.fail(refusal);
                throw refused(refusal);
            }
        }

        /** Whatever the reason, JSSE has one alert for it. */
        private CertificateException refused(Refusal refusal) {
            conversation.alertSent(CERTIFICATE_UNKNOWN);
            return new CertificateException(refusal.getMessage(), refusal);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket peer)
                throws CertificateException {
            judge(chain, false);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket peer)
                throws CertificateException {
            judge(chain, true);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
                throws CertificateException {
            judge(chain, false);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
                throws CertificateException {
            judge(chain, true);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type)
                throws CertificateException {
            judge(chain, false);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type)
                throws CertificateException {
            judge(chain, true);
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    @Override
    public InputStream input() throws IOException {
        return socket.getInputStream();
    }

    @Override
    public OutputStream output() throws IOException {
        return socket.getOutputStream();
    }

    @Override
    public boolean pending() throws IOException {
        return socket.getInputStream().available() > 0;
    }

    @Override
    public byte[] export(String label, byte[] context, int size) throws IOException {
        throw new IOException("JSSE has no exporter of keying material");
    }

    @Override
    public String hash() {
        return socket.getSession().getCipherSuite().endsWith("SHA384") ? "SHA-384" : "SHA-256";
    }

    @Override
    public byte[] helloExtensions() {
        throw new UnsupportedOperationException("needed by authenticators alone");
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException e) {
            // the conversation is over
        }
    }
}

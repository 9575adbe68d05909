// SPDX-License-Identifier: Apache-2.0
package atls.bc;

import atls.Binder;
import atls.Bytes;
import atls.Conversation;
import atls.EcKey;
import atls.Handshake;
import atls.Link;
import atls.Party;
import atls.Profile;
import atls.Refusal;
import atls.Transcript;
import atls.Wire;

import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.AlertLevel;
import org.bouncycastle.tls.Certificate;
import org.bouncycastle.tls.CertificateEntry;
import org.bouncycastle.tls.CertificateType;
import org.bouncycastle.tls.SecurityParameters;
import org.bouncycastle.tls.SignatureAndHashAlgorithm;
import org.bouncycastle.tls.SignatureScheme;
import org.bouncycastle.tls.TlsContext;
import org.bouncycastle.tls.TlsCredentialedSigner;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsProtocol;
import org.bouncycastle.tls.crypto.CryptoHashAlgorithm;
import org.bouncycastle.tls.crypto.TlsCertificate;
import org.bouncycastle.tls.crypto.TlsSecret;
import org.bouncycastle.tls.crypto.TlsStreamSigner;
import org.bouncycastle.tls.crypto.impl.bc.BcTlsCrypto;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.security.SecureRandom;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Hashtable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Vector;

/**
 * One connection: what client and server have in common between the library and the conversation.
 */
final class Session implements Link, Transcript {
    /** Certificates and evidence are large: more than the library takes by itself. */
    static final int MESSAGE_MAX = 1 << 20;

    final Conversation conversation;
    final Party party;
    final Wire wire;
    final Crypto crypto = new Crypto();
    final Handshake handshake;

    private static final int PROBE_SIZE = 32;

    private byte[] exporterSecret;
    private TlsProtocol protocol;
    private Refuser refuser;
    private TlsContext context;

    /** The library sends an alert only from within. */
    interface Refuser {
        void refuse(short alert, Refusal refusal) throws IOException;
    }

    Session(Conversation conversation, Wire wire) {
        this.conversation = conversation;
        this.party = conversation.party;
        this.wire = wire;
        this.handshake = new Handshake(conversation, this);
    }

    void use(TlsContext made) {
        context = made;
    }

    void connect() throws IOException {
        ClientSide.Protocol client = new ClientSide.Protocol(this);
        protocol = client;
        refuser = client;
        client.connect(new ClientSide(this));
    }

    void accept() throws IOException {
        ServerSide.Protocol server = new ServerSide.Protocol(this);
        protocol = server;
        refuser = server;
        server.accept(new ServerSide(this));
    }

    /** A refusal inside of a callback: the library makes the alert of it. */
    TlsFatalAlert alert(Refusal refusal) {
        conversation.fail(refusal);
        return new TlsFatalAlert((short) conversation.alertFor(refusal), refusal.getMessage());
    }

    void alertRaised(short level, short description) {
        if (level == AlertLevel.fatal) {
            conversation.alertSent(description);
        }
    }

    /** The library tells a number above 127 as a negative one (TlsProtocol.processAlertQueue). */
    void alertReceived(short description) {
        int number = description & 0xff;
        if (number != AlertDescription.close_notify && number != AlertDescription.user_canceled) {
            conversation.alertReceived(number);
        }
    }

    /** Tells the peer, where the connection is still there. */
    void refuse(Refusal refusal) {
        try {
            if (!protocol.isClosed()) {
                refuser.refuse((short) conversation.alertFor(refusal), refusal);
            }
        } catch (IOException e) {
            // it is closed now, or was
        }
    }

    void bye() throws IOException {
        protocol.close();
    }

    /**
     * What this side presents: attestation in place of a certificate, or X.509 and what goes with
     * it.
     */
    TlsCredentialedSigner credentials() throws IOException {
        try {
            if (handshake.presentsInPlace()) {
                AttestedCertificate own = new AttestedCertificate(crypto, handshake.inPlace());
                own.attests(party.attestedKey());
                return signer(
                        new Certificate(
                                Bytes.EMPTY,
                                new CertificateEntry[] {new CertificateEntry(own, null)}),
                        true);
            }
            if (party.chain.isEmpty()) {
                return null;
            }
            Hashtable<Integer, byte[]> beside = new Hashtable<>(handshake.besideCertificate());
            List<CertificateEntry> entries = new ArrayList<>();
            for (X509Certificate one : party.chain) {
                TlsCertificate certificate = crypto.x509(one.getEncoded());
                entries.add(
                        new CertificateEntry(
                                certificate,
                                entries.isEmpty() && !beside.isEmpty() ? beside : null));
            }
            return signer(
                    new Certificate(Bytes.EMPTY, entries.toArray(new CertificateEntry[0])), false);
        } catch (Refusal refusal) {
            throw alert(refusal);
        } catch (CertificateEncodingException e) {
            throw new IOException(e);
        }
    }

    /**
     * Certificates are what the library takes them for, but where attestation was agreed on
     * instead.
     */
    final class Crypto extends BcTlsCrypto {
        Crypto() {
            super(new SecureRandom());
        }

        @Override
        public TlsCertificate createCertificate(short type, byte[] encoding) throws IOException {
            return handshake.expectsInPlace()
                    ? new AttestedCertificate(this, encoding)
                    : x509(encoding);
        }

        TlsCertificate x509(byte[] encoding) throws IOException {
            return super.createCertificate(CertificateType.X509, encoding);
        }
    }

    /** A step of the handshake: what it refuses becomes an alert. */
    interface Step<T> {
        T take() throws Refusal;
    }

    <T> T step(Step<T> step) throws TlsFatalAlert {
        try {
            return step.take();
        } catch (Refusal refusal) {
            throw alert(refusal);
        }
    }

    static Map<Integer, byte[]> map(Hashtable<?, ?> extensions) {
        Map<Integer, byte[]> map = new LinkedHashMap<>();
        if (extensions != null) {
            extensions.forEach((number, body) -> map.put((Integer) number, (byte[]) body));
        }
        return map;
    }

    private TlsCredentialedSigner signer(Certificate certificate, boolean attested) throws Refusal {
        int scheme =
                switch (party.signingCurve(attested)) {
                    case P256 -> SignatureScheme.ecdsa_secp256r1_sha256;
                    case P384 -> SignatureScheme.ecdsa_secp384r1_sha384;
                };
        SignatureAndHashAlgorithm algorithm = SignatureScheme.getSignatureAndHashAlgorithm(scheme);
        return new TlsCredentialedSigner() {
            @Override
            public Certificate getCertificate() {
                return certificate;
            }

            @Override
            public byte[] generateRawSignature(byte[] hash) throws IOException {
                try {
                    return party.sign(hash, attested);
                } catch (Refusal refusal) {
                    throw alert(refusal);
                }
            }

            @Override
            public SignatureAndHashAlgorithm getSignatureAndHashAlgorithm() {
                return algorithm;
            }

            @Override
            public TlsStreamSigner getStreamSigner() {
                return null;
            }
        };
    }

    /** What is asked of the peer's signatures. */
    static Vector<SignatureAndHashAlgorithm> signatureAlgorithms() {
        Vector<SignatureAndHashAlgorithm> algorithms = new Vector<>();
        for (int scheme :
                new int[] {
                    SignatureScheme.ecdsa_secp256r1_sha256,
                    SignatureScheme.ecdsa_secp384r1_sha384,
                    SignatureScheme.rsa_pss_rsae_sha256,
                    SignatureScheme.ed25519
                }) {
            algorithms.add(SignatureScheme.getSignatureAndHashAlgorithm(scheme));
        }
        return algorithms;
    }

    /** In an authenticator a client brings its certificate itself, where it must. */
    boolean asksForCertificate() {
        boolean later =
                party.options.profile.carrier == Profile.Carrier.IN_AUTHENTICATOR
                        && party.options.required;
        return party.relyingParty != null && !later;
    }

    void received(Certificate certificate) throws IOException {
        List<byte[]> chain = new ArrayList<>();
        List<Map<Integer, byte[]>> extensions = new ArrayList<>();
        for (int i = 0; i < certificate.getLength(); i++) {
            chain.add(certificate.getCertificateAt(i).getEncoded());
            extensions.add(map(certificate.getCertificateEntryAt(i).getExtensions()));
        }
        if (!handshake.expectsInPlace()) {
            step(
                    () -> {
                        handshake.receive(chain, extensions);
                        return null;
                    });
            return;
        }
        EcKey key = step(() -> handshake.receiveInPlace(chain, extensions));
        ((AttestedCertificate) certificate.getCertificateAt(0)).attests(key);
    }

    /** CertificateVerify is by the key of the certificate. */
    void proven() throws IOException {
        step(
                () -> {
                    conversation.proven();
                    return null;
                });
    }

    private void keylog(String label, TlsSecret secret) throws IOException {
        byte[] random = parameters().getClientRandom();
        party.keylog(label, random, crypto.adoptSecret(secret).extract());
    }

    private SecurityParameters parameters() {
        return context.getSecurityParameters();
    }

    void handshakeSecrets() throws IOException {
        keylog("CLIENT_HANDSHAKE_TRAFFIC_SECRET", parameters().getBaseKeyClient());
        keylog("SERVER_HANDSHAKE_TRAFFIC_SECRET", parameters().getBaseKeyServer());
    }

    void applicationSecrets() throws IOException {
        keylog("CLIENT_TRAFFIC_SECRET_0", parameters().getTrafficSecretClient());
        keylog("SERVER_TRAFFIC_SECRET_0", parameters().getTrafficSecretServer());
        keylog("EXPORTER_SECRET", parameters().getExporterMasterSecret());
        exporterSecret = crypto.adoptSecret(parameters().getExporterMasterSecret()).extract();
        byte[] theirs = context.exportKeyingMaterial("EXPORTER-atls", Bytes.EMPTY, PROBE_SIZE);
        if (!Bytes.equal(theirs, export("EXPORTER-atls", Bytes.EMPTY, PROBE_SIZE))) {
            throw new TlsFatalAlert(
                    AlertDescription.internal_error, "the library's exporter is another one");
        }
    }

    @Override
    public InputStream input() throws IOException {
        return protocol.getInputStream();
    }

    @Override
    public OutputStream output() throws IOException {
        return protocol.getOutputStream();
    }

    @Override
    public boolean pending() throws IOException {
        return protocol.getInputStream().available() > 0 || wire.input().available() > 0;
    }

    /**
     * From the secret that was kept: the library exports at the end of the handshake, and never
     * again.
     */
    @Override
    public byte[] export(String label, byte[] value, int size) throws IOException {
        return Binder.export(hash(), exporterSecret, label, value, size);
    }

    @Override
    public String hash() {
        int algorithm = parameters().getPRFCryptoHashAlgorithm();
        return algorithm == CryptoHashAlgorithm.sha384 ? "SHA-384" : "SHA-256";
    }

    @Override
    public byte[] hellos(String reading) throws Refusal {
        return wire.hellos.hash(hash(), reading);
    }

    @Override
    public byte[] handshakeSecret() throws Refusal {
        TlsSecret secret = parameters().getHandshakeSecret();
        if (secret == null) {
            throw new Refusal("internal", "the library has no handshake secret now", "");
        }
        return crypto.adoptSecret(secret).extract();
    }

    @Override
    public byte[] helloExtensions() {
        try {
            return wire.hellos.clientExtensions();
        } catch (Refusal refusal) {
            throw new UncheckedIOException(new IOException(refusal));
        }
    }
}

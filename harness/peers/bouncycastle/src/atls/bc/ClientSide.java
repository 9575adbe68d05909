// SPDX-License-Identifier: Apache-2.0
package atls.bc;

import atls.Refusal;

import org.bouncycastle.tls.CertificateRequest;
import org.bouncycastle.tls.DefaultTlsClient;
import org.bouncycastle.tls.HandshakeType;
import org.bouncycastle.tls.ProtocolVersion;
import org.bouncycastle.tls.ServerHello;
import org.bouncycastle.tls.SignatureAndHashAlgorithm;
import org.bouncycastle.tls.TlsAuthentication;
import org.bouncycastle.tls.TlsClientProtocol;
import org.bouncycastle.tls.TlsCredentials;
import org.bouncycastle.tls.TlsServerCertificate;
import org.bouncycastle.tls.TlsUtils;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Hashtable;
import java.util.Vector;

/** The client: what it says and hears, and the moments that the library does not tell of. */
final class ClientSide extends DefaultTlsClient implements TlsAuthentication {
    private final Session session;

    /** Calls back where the library has no callback. */
    static final class Protocol extends TlsClientProtocol implements Session.Refuser {
        private final Session session;

        Protocol(Session session) throws IOException {
            super(session.wire.input(), session.wire.output());
            this.session = session;
        }

        @Override
        public void refuse(short alert, Refusal refusal) throws IOException {
            handleException(alert, refusal.getMessage(), null);
        }

        @Override
        protected void process13ServerHelloCoda(ServerHello hello, boolean afterRetry)
                throws IOException {
            super.process13ServerHelloCoda(hello, afterRetry);
            session.handshakeSecrets();
        }

        /** The library drops extensions that it does not know: they are read here, ahead of it. */
        @Override
        protected void receive13CertificateRequest(ByteArrayInputStream message, boolean later)
                throws IOException {
            byte[] body = message.readAllBytes();
            ByteArrayInputStream copy = new ByteArrayInputStream(body);
            TlsUtils.readOpaque8(copy);
            byte[] block = TlsUtils.readOpaque16(copy);
            Hashtable<?, ?> extensions =
                    readExtensionsData13(HandshakeType.certificate_request, block);
            session.step(
                    () -> {
                        session.handshake.requested(Session.map(extensions));
                        return null;
                    });
            super.receive13CertificateRequest(new ByteArrayInputStream(body), later);
        }

        @Override
        protected void receive13ServerCertificateVerify(ByteArrayInputStream message)
                throws IOException {
            super.receive13ServerCertificateVerify(message);
            session.proven();
        }
    }

    ClientSide(Session session) {
        super(session.crypto);
        this.session = session;
    }

    @Override
    @SuppressWarnings({"rawtypes", "unchecked"})
    public Hashtable getClientExtensions() throws IOException {
        Hashtable extensions = super.getClientExtensions();
        session.step(session.handshake::offer)
                .forEach((number, body) -> extensions.put(number, body));
        return extensions;
    }

    @Override
    @SuppressWarnings("rawtypes")
    public void processServerExtensions(Hashtable extensions) throws IOException {
        super.processServerExtensions(extensions);
        session.step(
                () -> {
                    session.handshake.selected(Session.map(extensions));
                    return null;
                });
    }

    @Override
    protected ProtocolVersion[] getSupportedVersions() {
        return ProtocolVersion.TLSv13.only();
    }

    @Override
    public void init(org.bouncycastle.tls.TlsClientContext made) {
        super.init(made);
        session.use(made);
    }

    @Override
    public int getMaxHandshakeMessageSize() {
        return Session.MESSAGE_MAX;
    }

    @Override
    protected Vector<SignatureAndHashAlgorithm> getSupportedSignatureAlgorithms() {
        return Session.signatureAlgorithms();
    }

    /** --hrr: no share at all, so that the server has to ask for one. */
    @Override
    public Vector<?> getEarlyKeyShareGroups() {
        return session.party.options.hrr ? new Vector<>() : super.getEarlyKeyShareGroups();
    }

    @Override
    public TlsAuthentication getAuthentication() {
        return this;
    }

    @Override
    public void notifyServerCertificate(TlsServerCertificate certificate) throws IOException {
        session.received(certificate.getCertificate());
    }

    @Override
    public TlsCredentials getClientCredentials(CertificateRequest request) throws IOException {
        return session.credentials();
    }

    @Override
    public void notifyHandshakeComplete() throws IOException {
        super.notifyHandshakeComplete();
        session.applicationSecrets();
    }

    @Override
    public void notifyAlertRaised(short level, short description, String message, Throwable cause) {
        session.alertRaised(level, description);
    }

    @Override
    public void notifyAlertReceived(short level, short description) {
        session.alertReceived(description);
    }
}

// SPDX-License-Identifier: Apache-2.0
package atls.bc;

import atls.Refusal;

import org.bouncycastle.tls.Certificate;
import org.bouncycastle.tls.CertificateRequest;
import org.bouncycastle.tls.DefaultTlsServer;
import org.bouncycastle.tls.NamedGroup;
import org.bouncycastle.tls.ProtocolVersion;
import org.bouncycastle.tls.TlsCredentials;
import org.bouncycastle.tls.TlsExtensionsUtils;
import org.bouncycastle.tls.TlsServerContext;
import org.bouncycastle.tls.TlsServerProtocol;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Hashtable;

/** The server: what it says and hears, and the moments that the library does not tell of. */
final class ServerSide extends DefaultTlsServer {
    private final Session session;

    /** Calls back where the library has no callback. */
    static final class Protocol extends TlsServerProtocol implements Session.Refuser {
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
        protected void receive13ClientCertificateVerify(ByteArrayInputStream message)
                throws IOException {
            super.receive13ClientCertificateVerify(message);
            session.proven();
        }
    }

    ServerSide(Session session) {
        super(session.crypto);
        this.session = session;
    }

    @Override
    @SuppressWarnings("rawtypes")
    public void processClientExtensions(Hashtable extensions) throws IOException {
        super.processClientExtensions(extensions);
        session.step(
                () -> {
                    session.handshake.offered(Session.map(extensions));
                    return null;
                });
    }

    @Override
    @SuppressWarnings({"rawtypes", "unchecked"})
    public Hashtable getServerExtensions() throws IOException {
        Hashtable extensions =
                TlsExtensionsUtils.ensureExtensionsInitialised(super.getServerExtensions());
        session.handshake.select().forEach((number, body) -> extensions.put(number, body));
        return extensions;
    }

    @Override
    protected ProtocolVersion[] getSupportedVersions() {
        return ProtocolVersion.TLSv13.only();
    }

    @Override
    public void init(TlsServerContext made) {
        super.init(made);
        session.use(made);
    }

    @Override
    public int getMaxHandshakeMessageSize() {
        return Session.MESSAGE_MAX;
    }

    /** --hrr: only a group that clients send no share for. */
    @Override
    public int[] getSupportedGroups() throws IOException {
        return session.party.options.hrr
                ? new int[] {NamedGroup.secp384r1}
                : super.getSupportedGroups();
    }

    @Override
    public CertificateRequest getCertificateRequest() throws IOException {
        session.handshakeSecrets();
        return session.asksForCertificate() ? new Request(session.handshake.request()) : null;
    }

    @Override
    public TlsCredentials getCredentials() throws IOException {
        return session.credentials();
    }

    @Override
    public void notifyClientCertificate(Certificate certificate) throws IOException {
        session.received(certificate);
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

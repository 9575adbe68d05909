// SPDX-License-Identifier: Apache-2.0
package atls.bc;

import atls.Conversation;
import atls.Options;
import atls.Program;
import atls.Refusal;
import atls.Wire;

import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.TlsFatalAlertReceived;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.Socket;

/**
 * Attested TLS on the low-level API of Bouncy Castle (org.bouncycastle.tls), which lets a program
 * have extensions of its own in the hellos, in CertificateRequest and in CertificateEntry, and even
 * something else in place of the certificate.
 */
public final class Main implements Program.Stack {
    public Main() {}

    public static void main(String[] arguments) {
        Program.main(new Main(), arguments);
    }

    @Override
    public String version() {
        String version = new BouncyCastleProvider().getVersionStr();
        return "atls-bouncycastle (Bouncy Castle "
                + version
                + ", Java "
                + Runtime.version()
                + ")";
    }

    @Override
    public String lacks(Options options) {
        return null; // whatever the options know
    }

    @Override
    public void converse(Conversation conversation, Socket socket) {
        Options options = conversation.party.options;
        Wire wire = new Wire(socket, options.client, options.timeoutSeconds);
        Session session = new Session(conversation, wire);
        try {
            if (options.client) {
                session.connect();
            } else {
                session.accept();
            }
            conversation.hrr = wire.hellos.hasRetry();
            conversation.exchange(session);
            session.bye();
        } catch (Refusal refusal) {
            session.refuse(conversation.fail(refusal));
        } catch (IOException e) {
            session.refuse(
                    conversation.hasFailed()
                            ? conversation.failure()
                            : conversation.fail(meaning(e)));
        }
        conversation.hrr = wire.hellos.hasRetry();
        wire.leave();
    }

    /** What the library itself found wrong. */
    private static Refusal meaning(IOException e) {
        String detail =
                e.getMessage() + (e.getCause() == null ? "" : ": " + e.getCause().getMessage());
        if (e instanceof InterruptedIOException) {
            return new Refusal("timeout", "the connection's time is up", "");
        }
        if (e instanceof TlsFatalAlert alert && !(e instanceof TlsFatalAlertReceived)) {
            String reason =
                    switch (alert.getAlertDescription()) {
                        case AlertDescription.decrypt_error -> "key-mismatch";
                        case AlertDescription.decode_error,
                                        AlertDescription.illegal_parameter,
                                        AlertDescription.missing_extension,
                                        AlertDescription.unsupported_extension ->
                                "malformed-extension";
                        case AlertDescription.bad_certificate,
                                        AlertDescription.unsupported_certificate,
                                        AlertDescription.certificate_unknown ->
                                "certificate-untrusted";
                        default -> "internal";
                    };
            return new Refusal(reason, "Bouncy Castle: " + detail, "")
                    .withAlert(alert.getAlertDescription());
        }
        return new Refusal("peer-closed", detail, "");
    }
}

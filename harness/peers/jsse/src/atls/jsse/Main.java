// SPDX-License-Identifier: Apache-2.0
package atls.jsse;

import atls.Conversation;
import atls.Options;
import atls.Profile;
import atls.Program;
import atls.Refusal;
import atls.Wire;

import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.security.Security;

import javax.net.ssl.SSLException;

/**
 * Attested TLS on Java's own JSSE, as every Java program has it: what is in the certificate, and
 * nothing else, since JSSE lets nobody add an extension, and has no exporter before Java 25.
 */
public final class Main implements Program.Stack {
    public Main() {}

    public static void main(String[] arguments) {
        Program.main(new Main(), arguments);
    }

    @Override
    public String version() {
        return "atls-jsse (SunJSSE "
                + Security.getProvider("SunJSSE").getVersionStr()
                + ", Java "
                + Runtime.version()
                + ")";
    }

    @Override
    public String lacks(Options options) {
        if (options.profile == Profile.EXPAT_04) {
            return "profile expat-04: JSSE of Java "
                    + Runtime.version().feature()
                    + " has no exporter of keying material";
        }
        if (options.profile != Profile.X509_CMW) {
            return "profile " + options.profile.word + ": JSSE carries no extensions but its own";
        }
        if (options.client && options.hrr) {
            return "--hrr of a client: JSSE always sends a key share of its own choice";
        }
        if (options.hrr) { // read once, before the first context
            System.setProperty("jdk.tls.namedGroups", "secp384r1");
        }
        Security.addProvider(new DeviceKeys());
        return null;
    }

    @Override
    public void converse(Conversation conversation, Socket socket) {
        Options options = conversation.party.options;
        Wire wire = new Wire(socket, options.client, options.timeoutSeconds);
        try (Session session = new Session(conversation, new Tap(socket, wire))) {
            session.handshake();
            conversation.hrr = wire.hellos.hasRetry();
            conversation.exchange(session);
        } catch (Refusal refusal) {
            conversation.fail(refusal);
        } catch (SSLException e) {
            conversation.fail(Session.meaning(conversation, e));
        } catch (SocketTimeoutException e) {
            conversation.fail(new Refusal("timeout", "the connection's time is up", ""));
        } catch (IOException e) {
            conversation.fail(new Refusal("peer-closed", String.valueOf(e.getMessage()), ""));
        }
        conversation.hrr = wire.hellos.hasRetry();
        wire.leave();
    }
}

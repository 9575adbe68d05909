// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What both programs of every peer in Java do alike: the command line, exit codes, sockets, a
 * thread for each connection, and an end with the parent's. The TLS is the {@link Stack}'s.
 */
public final class Program {
    public static final int DONE = 0;
    public static final int REFUSED = 1;
    public static final int USAGE = 2;
    public static final int UNSUPPORTED = 77;
    private static final String FLAGS_TOLD = "harness/peers/README.md has the flags";

    /** A TLS library. */
    public interface Stack {
        /** One line: adapter, library, its version at run time. */
        String version();

        /** Why it cannot do what is asked, or null. */
        String lacks(Options options);

        /** Handshake and conversation on a socket, to their end. It does not throw. */
        void converse(Conversation conversation, Socket socket);
    }

    private Program() {}

    /** ARGUMENTS: "client" or "server", then the flags of the contract. */
    public static void main(Stack stack, String[] arguments) {
        dieWithParent();
        int code = USAGE;
        try {
            code = run(stack, arguments);
        } catch (Options.Usage e) {
            System.err.println(
                    "usage: " + e.getMessage() + " (" + FLAGS_TOLD + ")");
        } catch (Options.Unsupported e) {
            System.err.println("not supported: " + e.getMessage());
            code = UNSUPPORTED;
        } catch (Refusal e) {
            System.err.println(e.reason + ": " + e.getMessage());
            code = REFUSED;
        } catch (IOException | GeneralSecurityException e) {
            System.err.println(e.getMessage());
            code = REFUSED;
        }
        System.exit(code);
    }

    /** Java has no way to ask the kernel; this thread sees the parent's end. */
    static void dieWithParent() {
        ProcessHandle.current()
                .parent()
                .ifPresent(
                        parent ->
                                parent.onExit().thenRun(() -> Runtime.getRuntime().halt(REFUSED)));
    }

    /** An exit code; what else it can end with is told by {@link #main}. */
    static int run(Stack stack, String[] arguments)
            throws Options.Usage,
                    Options.Unsupported,
                    Refusal,
                    IOException,
                    GeneralSecurityException {
        List<String> list = Arrays.asList(arguments);
        if (list.contains("--version")) {
            System.out.println(stack.version());
            return DONE;
        }
        if (list.contains("--help")) {
            System.out.println("client or server, then flags: " + FLAGS_TOLD);
            return DONE;
        }
        if (list.isEmpty() || !List.of("client", "server").contains(list.get(0))) {
            throw new Options.Usage("client or server, then flags");
        }
        boolean client = list.get(0).equals("client");
        Options options = new Options(client, list.subList(1, list.size()));
        String lacks = stack.lacks(options);
        if (lacks != null) {
            throw new Options.Unsupported(lacks);
        }
        try (Party party = new Party(options)) {
            return (client ? connect(stack, party) : serve(stack, party)) ? DONE : REFUSED;
        }
    }

    private static boolean connect(Stack stack, Party party) throws IOException {
        AtomicBoolean all = new AtomicBoolean(true);
        List<Thread> threads = new ArrayList<>();
        for (int i = 1; i <= party.options.connections; i++) {
            int conn = i;
            threads.add(start(() -> connectOnce(stack, party, conn, all)));
            if (party.options.inTurn) {
                join(threads.remove(0));
            }
        }
        threads.forEach(Program::join);
        return all.get();
    }

    private static void connectOnce(Stack stack, Party party, int conn, AtomicBoolean all) {
        try (Socket socket = new Socket()) {
            int patience = (int) Math.min(party.options.timeoutSeconds * 1000, Integer.MAX_VALUE);
            socket.connect(new InetSocketAddress(party.options.host, party.options.port), patience);
            converse(stack, new Conversation(party, conn), socket, all);
        } catch (IOException e) {
            System.err.println("connection " + conn + ": " + e.getMessage());
            all.set(false);
        }
    }

    private static void converse(
            Stack stack, Conversation conversation, Socket socket, AtomicBoolean all) {
        boolean done = false;
        try {
            socket.setTcpNoDelay(true);
            stack.converse(conversation, socket);
        } catch (IOException | RuntimeException e) {
            conversation.fail(new Refusal("internal", String.valueOf(e), ""));
        } finally {
            done = conversation.close();
        }
        if (!done) {
            all.set(false);
        }
    }

    private static boolean serve(Stack stack, Party party) throws IOException {
        Options options = party.options;
        AtomicBoolean all = new AtomicBoolean(true);
        List<Thread> threads = new ArrayList<>();
        try (ServerSocket server =
                new ServerSocket(options.port, 512, InetAddress.getByName(options.host))) {
            int port = server.getLocalPort();
            party.events.tell("ready", "address", options.host + ":" + port, "port", port);
            for (int conn = 1; options.connections == 0 || conn <= options.connections; conn++) {
                Socket socket = server.accept();
                int number = conn;
                threads.removeIf(thread -> !thread.isAlive());
                threads.add(start(() -> serveOnce(stack, party, number, socket, all)));
            }
        }
        threads.forEach(Program::join);
        return all.get();
    }

    private static void serveOnce(
            Stack stack, Party party, int conn, Socket socket, AtomicBoolean all) {
        try (socket) {
            converse(stack, new Conversation(party, conn), socket, all);
        } catch (IOException e) {
            System.err.println("connection " + conn + ": " + e.getMessage());
        }
    }

    private static Thread start(Runnable task) {
        Thread thread = new Thread(task);
        thread.start();
        return thread;
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

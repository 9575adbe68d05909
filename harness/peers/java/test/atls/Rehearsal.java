// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A connection of a peer's client with its own server, and one to a device: what the machine loads
 * and makes for them gets into the archive of classes, and no case has to do it again.
 */
final class Rehearsal {
    private static final char[] PASSWORD = "rehearsal".toCharArray();
    private static final Pattern PORT = Pattern.compile("\"port\":([0-9]+)");
    private static final int PAUSES_MAX = 1000;

    private Rehearsal() {}

    /** MAIN: the class of a peer that is started. STORE: of keytool, a key and its certificate. */
    static void play(String main, Path store) throws Exception {
        Program.dieWithParent();
        Program.Stack stack =
                (Program.Stack) Class.forName(main).getDeclaredConstructor().newInstance();
        Path folder = Files.createTempDirectory("rehearsal");
        try {
            credentials(folder, store);
            conversation(stack, folder);
            device(folder.resolve("device.sock"));
        } finally {
            try (var left = Files.list(folder)) {
                for (Path one : left.toList()) {
                    Files.delete(one);
                }
            }
            Files.delete(folder);
        }
    }

    private static void credentials(Path folder, Path store) throws Exception {
        KeyStore keys = KeyStore.getInstance(store.toFile(), PASSWORD);
        String name = keys.aliases().nextElement();
        pem(folder.resolve("cert.pem"), "CERTIFICATE", keys.getCertificate(name).getEncoded());
        pem(folder.resolve("key.pem"), "PRIVATE KEY", keys.getKey(name, PASSWORD).getEncoded());
    }

    private static void pem(Path file, String what, byte[] der) throws IOException {
        String text = Base64.getMimeEncoder().encodeToString(der);
        Files.writeString(
                file, "-----BEGIN " + what + "-----\n" + text + "\n-----END " + what + "-----\n");
    }

    private static void conversation(Program.Stack stack, Path folder) throws Exception {
        Path events = folder.resolve("server.events.jsonl");
        int[] codes = {-1, -1};
        Runnable serve = () -> codes[0] = end(stack, folder, "server", "--listen", "127.0.0.1:0");
        Thread server = new Thread(serve);
        server.setDaemon(true);
        server.start();
        String port = port(events);
        codes[1] = end(stack, folder, "client", "--connect", "127.0.0.1:" + port);
        server.join();
        for (int code : codes) {
            if (code != Program.DONE) {
                throw new AssertionError(
                        "a connection of the peer with itself: " + Files.readString(events));
            }
        }
    }

    private static int end(
            Program.Stack stack, Path folder, String side, String where, String address) {
        List<String> arguments = new ArrayList<>(List.of(side, where, address));
        arguments.addAll(List.of("--profile", "x509-cmw"));
        arguments.addAll(List.of("--events", folder.resolve(side + ".events.jsonl").toString()));
        arguments.addAll(List.of("--ca", folder.resolve("cert.pem").toString()));
        if (side.equals("server")) {
            arguments.addAll(List.of("--cert", folder.resolve("cert.pem").toString()));
            arguments.addAll(List.of("--key", folder.resolve("key.pem").toString()));
            arguments.addAll(List.of("--max-connections", "1"));
        }
        try {
            return Program.run(stack, arguments.toArray(String[]::new));
        } catch (Exception e) {
            throw new AssertionError(side + ": " + e, e);
        }
    }

    private static String port(Path events) throws IOException, InterruptedException {
        for (int i = 0; i < PAUSES_MAX; i++) {
            Matcher found = PORT.matcher(Files.exists(events) ? Files.readString(events) : "");
            if (found.find()) {
                return found.group(1);
            }
            Thread.sleep(20);
        }
        throw new AssertionError("the server is not ready: no port in " + events);
    }

    /** Whoever connects is let in, and nobody else comes. */
    private static void device(Path path) throws Exception {
        try (ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(path));
            Device.open("unix:" + path).close();
        }
    }
}

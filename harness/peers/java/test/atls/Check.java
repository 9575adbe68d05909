// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Enumeration;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/**
 * Known answers for what both peers in Java share, run by their setup: what fails ends it. It also
 * loads every class that a handshake may need, so that the archive of classes which the same run
 * leaves behind (-XX:ArchiveClassesAtExit) has them. Arguments: the jar, the peer's main class, and
 * a key store for its {@link Rehearsal}.
 */
public final class Check {
    private static final byte[] SPKI =
            Bytes.unhex(
                    "3059301306072a8648ce3d020106082a8648ce3d03010703420004d7cc072de2205bdc1537a543d53c60a6"
                        + "acb62eccd890c7fa27c9e354089bbe13f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3"
                        + "b4e47120");
    private static final byte[] HELLOS =
            Bytes.unhex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
    private static final byte[] HANDSHAKE_SECRET =
            Bytes.unhex("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac");
    private static final String LOOPBACK = "127.0.0.1";
    private static int done;

    private Check() {}

    private interface Parse {
        void take() throws Refusal;
    }

    private static void equal(String what, String expected, byte[] came) {
        done++;
        if (!expected.equals(Bytes.hex(came))) {
            throw new AssertionError(what + ": expected " + expected + ", came " + Bytes.hex(came));
        }
    }

    private static void refused(String what, String reason, Parse parse) {
        done++;
        try {
            parse.take();
        } catch (Refusal refusal) {
            if (refusal.reason.equals(reason)) {
                return;
            }
            throw new AssertionError(
                    what + ": expected " + reason + ", came " + refusal.reason, refusal);
        }
        throw new AssertionError(what + ": expected " + reason + ", it was accepted");
    }

    private static byte[] count(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) i;
        }
        return bytes;
    }

    /** RFC 8448 section 3 and what the drafts make of it. */
    private static void binders() throws Refusal {
        equal(
                "client handshake traffic secret of RFC 8448",
                "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21",
                Binder.expandLabel("SHA-256", HANDSHAKE_SECRET, "c hs traffic", HELLOS, 32));
        equal(
                "ta-07 of 8 bytes",
                "5309f2cd98fadcd2",
                Binder.ta07("SHA-256", HANDSHAKE_SECRET, HELLOS, count(8)));
        equal(
                "ta-07 of 32 bytes",
                "d4dfb6a5611aa489594cde143855f183a21a17247d69474a38ecf603bbda48e7",
                Binder.ta07("SHA-256", HANDSHAKE_SECRET, HELLOS, count(32)));
        equal(
                "seat",
                "1f90741f9e9e694ba56f8835439533b84d2b99b4d99de19dbba8d568afd1d1fb",
                Binder.seat("SHA-256", HELLOS, SPKI));
        equal(
                "expat",
                "9bea7d09340ba04b0886cb9093971fe3c04098ed4e05923ea93a2c59719af9f5",
                Binder.expat("SHA-256", SPKI, count(32)));
        EcKey key = EcKey.ofSpki(SPKI, "x", "");
        equal("SPKI again", Bytes.hex(SPKI), key.spki());
        byte[] off = SPKI.clone();
        off[off.length - 1] ^= 1;
        refused("a point off its curve", "x", () -> EcKey.ofSpki(off, "x", ""));
    }

    private static void cbor() throws Refusal {
        for (String bad :
                new String[] {
                    "",
                    "18",
                    "1817",
                    "190018",
                    "1a0000ffff",
                    "5803",
                    "62c328",
                    "a201000102",
                    "a201000100",
                    "82",
                    "1c",
                    "ff",
                    "5f4100",
                    "f814",
                    "0000",
                    "9fff"
                }) {
            byte[] in = Bytes.unhex(bad);
            refused("CBOR " + bad, "x", () -> Cbor.parse(in, Cbor.Rules.STRICT, "x"));
        }
        byte[] deep = new byte[40];
        Arrays.fill(deep, (byte) 0x81);
        refused("CBOR of depth 40", "x", () -> Cbor.parse(deep, Cbor.Rules.LENIENT, "x"));
        refused(
                "two spellings of one key",
                "x",
                () -> Cbor.parse(Bytes.unhex("a20100180100"), Cbor.Rules.LENIENT, "x"));
        Cbor.Item chunks = Cbor.parse(Bytes.unhex("5f41014102ff"), Cbor.Rules.INDEFINITE, "x");
        equal("chunks", "0102", chunks.bytes());
        for (long number : new long[] {0, 23, 24, 255, 256, 65535, 65536, 1L << 32}) {
            Cbor.Item item = Cbor.parse(Cbor.head(0, number), Cbor.Rules.STRICT, "x");
            equal(
                    "a head for " + number,
                    String.format("%016x", number),
                    new Bytes.Writer().number(item.number(), 8).done());
        }
    }

    private static void wrappers() throws Refusal {
        // RFC 9999 section 3.2: the tags of content formats 263 and 64999
        equal(
                "tag 263",
                "da6374020943010203",
                Cmw.write(Cmw.Form.TAG, false, MediaType.EAT_CWT, new byte[] {1, 2, 3}, 4));
        Cmw tagged = Cmw.parse(Bytes.unhex("da6374ffe6442347da55"));
        equal(
                "content format of the tag",
                "fde7",
                new Bytes.Writer().number(tagged.contentFormat(), 2).done());
        Cmw record = Cmw.parse(Bytes.utf8("[\"application/eat+cwt\",\"AQID\",4]"));
        equal("value of a JSON record", "010203", record.value());
        for (String bad :
                new String[] {
                    "8201410000",
                    "8101",
                    "8301410000",
                    "830141001820",
                    "da637401004100",
                    "a0",
                    "a1685f5f636d77635f74" + "6178",
                    "820100",
                    "840141000404"
                }) {
            refused("CMW " + bad, "malformed-cmw", () -> Cmw.parse(Bytes.unhex(bad)));
        }
        for (String bad :
                new String[] {
                    "[1,\"AQID\"]",
                    "[\"a/b\",\"AQI=\"]",
                    "[\"a/b\",\"AQIDB\"]",
                    "{}",
                    "[\"a/b\",\"AQID\"] x"
                }) {
            refused("CMW " + bad, "malformed-cmw", () -> Cmw.parse(Bytes.utf8(bad)));
        }
    }

    /** Every reason of every profile has an alert. */
    private static void alerts() {
        String reasons =
                "ok reference-value-mismatch binder-mismatch no-common-evidence-type"
                        + " attestation-missing key-mismatch malformed-extension malformed-cmw"
                        + " verifier-timeout certificate-untrusted authenticator-context"
                        + " authenticator-finished application-data-early nonce-length"
                        + " unexpected-selection internal";
        CodePoints points = new CodePoints();
        for (Profile profile : Profile.values()) {
            for (String reason : reasons.split(" ")) {
                int number = profile.alert(new Refusal(reason, "", ""), points);
                equal(
                        "a name for alert " + number,
                        "00",
                        new byte[] {(byte) (points.alertName(number).equals("unknown") ? 1 : 0)});
            }
        }
        int failed = Profile.SEAT_06.alert(new Refusal("binder-mismatch", "", ""), points);
        equal("alert of a binder in seat-06", "e2", new byte[] {(byte) failed});
        int denied = Profile.EXPAT_04.alert(new Refusal("binder-mismatch", "", ""), points);
        equal("alert of a binder in expat-04", "31", new byte[] {(byte) denied});
    }

    private static byte[] record(byte[] message) {
        return new Bytes.Writer().number(0x160301, 3).vector(2, message).done();
    }

    private static byte[] hello(int type, byte[] random) {
        return new Bytes.Writer()
                .number(type, 1)
                .vector(3, Bytes.concat(new byte[] {3, 3}, random, new byte[] {0}))
                .done();
    }

    /** RFC 8446 section 4.4.1, from records that come in pieces. */
    private static void transcripts() throws Refusal {
        byte[] retryRandom =
                Bytes.unhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");
        byte[][] sent = {
            hello(1, count(32)), hello(2, retryRandom), hello(1, count(32)), hello(2, new byte[32])
        };
        Hellos hellos = new Hellos();
        refused("no hellos", "internal", () -> hellos.hash("SHA-256"));
        for (int i = 0; i < sent.length; i++) {
            byte[] bytes = record(sent[i]);
            for (int at = 0; at < bytes.length; at++) {
                if (i % 2 == 0) {
                    hellos.fromClient(bytes, at, 1);
                } else {
                    hellos.fromServer(bytes, at, 1);
                }
            }
        }
        hellos.fromServer(record(sent[3]), 0, record(sent[3]).length); // no longer looked at
        byte[] first = Bytes.concat(Bytes.unhex("fe000020"), Bytes.hash("SHA-256", sent[0]));
        equal(
                "hellos after a retry",
                Bytes.hex(Bytes.hash("SHA-256", first, sent[1], sent[2], sent[3])),
                hellos.hash("SHA-256"));
        equal(
                "all hellos after a retry",
                Bytes.hex(Bytes.hash("SHA-256", sent[0], sent[1], sent[2], sent[3])),
                hellos.hash("SHA-256", "all"));
        equal("a retry", "01", new byte[] {(byte) (hellos.hasRetry() ? 1 : 0)});
    }

    private static void frames() {
        for (int size : new int[] {0, 1, 249, 250, 251, 254, 255, 506, 600, 2000}) {
            byte[] payload = count(size);
            byte[] framed = Device.frame(payload);
            byte[] inside = Arrays.copyOfRange(framed, 1, framed.length - 1);
            equal("a frame of " + size, Bytes.hex(payload), Device.unframe(inside));
            inside[inside.length / 2] ^= 0x55;
            byte[] garbled = Device.unframe(inside);
            equal("a garbled frame of " + size, "", garbled == null ? Bytes.EMPTY : garbled);
        }
    }

    /** What a verifier answers, and the reason why that is no session: read as HTTP has it. */
    private static void verifiers() throws Exception {
        String head = "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n";
        String json = "{\"title\": \"none\", \"detail\": \"it is a check\"}";
        String[][] cases = {
            {"verifier-error", head + "Content-Length: " + json.length() + "\r\n\r\n" + json},
            {"verifier-error", head + "\r\n" + json},
            {"verifier-error", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"},
            {"verifier-error", "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"},
            {"verifier-garbage", "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"},
            {"verifier-garbage", "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\n{}"},
            {"verifier-garbage", "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"},
            {"verifier-garbage", "this is no HTTP\r\n\r\n"},
            {"verifier-unreachable", ""},
        };
        for (String[] one : cases) {
            try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getByName(LOOPBACK))) {
                Thread verifier = new Thread(() -> say(listener, Bytes.utf8(one[1])));
                verifier.setDaemon(true);
                verifier.start();
                String url = "http://" + LOOPBACK + ":" + listener.getLocalPort();
                refused(one[1], one[0], () -> new Verifier(20000).open(url, null, 32));
            }
        }
        refused(
                "nobody",
                "verifier-unreachable",
                () -> new Verifier(20000).key("http://" + LOOPBACK + ":1"));
    }

    /** One request is heard, and answered; a second one would be refused. */
    private static void say(ServerSocket listener, byte[] answer) {
        try (listener;
                Socket socket = listener.accept();
                InputStream in = socket.getInputStream();
                OutputStream out = socket.getOutputStream()) {
            in.read(new byte[4096]);
            out.write(answer);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Loads what is in the jar; optional dependencies of the libraries need not be there. */
    private static int load(String jar) throws IOException {
        int loaded = 0;
        try (JarFile file = new JarFile(jar)) {
            for (Enumeration<JarEntry> entries = file.entries(); entries.hasMoreElements(); ) {
                String name = entries.nextElement().getName();
                boolean wanted =
                        name.matches(
                                "(atls/.*|org/bouncycastle/tls/(crypto/(impl/(bc/)?)?)?[^/]*"
                                    + "|org/bouncycastle/crypto/(digests|engines|modes|macs|params|signers|ec)/.*"
                                    + "|org/bouncycastle/(math/ec|asn1|util)/.*"
                                    + "|com/fasterxml/jackson/core/.*|com/nimbusds/jose/.*)\\.class");
                if (wanted && !name.contains("-info") && load(Check.class.getClassLoader(), name)) {
                    loaded++;
                }
            }
        }
        return loaded;
    }

    private static boolean load(ClassLoader loader, String name) {
        try {
            Class.forName(name.replace('/', '.').replaceAll("\\.class$", ""), false, loader);
            return true;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    public static void main(String[] arguments) throws Exception {
        binders();
        cbor();
        wrappers();
        frames();
        alerts();
        transcripts();
        verifiers();
        Rehearsal.play(arguments[1], Path.of(arguments[2]));
        int loaded = load(arguments[0]);
        System.out.println(done + " passed, 0 failed (" + loaded + " classes loaded)");
    }
}

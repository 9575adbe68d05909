// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The hellos of a connection, read off the wire as they go by in the clear: ClientHello,
 * HelloRetryRequest and second ClientHello where there are such, ServerHello. Made for libraries
 * that do not show them. What comes behind the ServerHello is not looked at.
 */
public final class Hellos {
    private static final int RECORD_HEADER = 5;
    private static final int HANDSHAKE = 22;
    private static final int CLIENT_HELLO = 1;
    private static final int SERVER_HELLO = 2;
    private static final int MESSAGE_HASH = 254;
    private static final int HELLO_MAX = 1 << 17;
    private static final byte[] RETRY_RANDOM =
            Bytes.unhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");

    private final List<byte[]> messages = new ArrayList<>();
    private final Direction client = new Direction(CLIENT_HELLO);
    private final Direction server = new Direction(SERVER_HELLO);
    private boolean complete;

    /** The bytes of one side. */
    private final class Direction {
        private final int type;
        private final ByteArrayOutputStream records = new ByteArrayOutputStream();
        private byte[] handshake = Bytes.EMPTY;

        Direction(int type) {
            this.type = type;
        }

        void take(byte[] bytes, int at, int size) {
            if (complete || records.size() > HELLO_MAX) {
                return;
            }
            records.write(bytes, at, size);
            byte[] in = records.toByteArray();
            int used = 0;
            while (in.length - used >= RECORD_HEADER) {
                int length = (in[used + 3] & 0xff) << 8 | in[used + 4] & 0xff;
                if (in.length - used - RECORD_HEADER < length) {
                    break;
                }
                if (in[used] == HANDSHAKE) {
                    int start = used + RECORD_HEADER;
                    handshake =
                            Bytes.concat(handshake, Arrays.copyOfRange(in, start, start + length));
                    takeMessages();
                }
                used += RECORD_HEADER + length;
            }
            records.reset();
            records.write(in, used, in.length - used);
        }

        private void takeMessages() {
            while (handshake.length >= 4 && !complete) {
                int size =
                        4
                                + ((handshake[1] & 0xff) << 16
                                        | (handshake[2] & 0xff) << 8
                                        | handshake[3] & 0xff);
                if (handshake.length < size) {
                    return;
                }
                byte[] message = Arrays.copyOf(handshake, size);
                handshake = Arrays.copyOfRange(handshake, size, handshake.length);
                if (message[0] == type) {
                    messages.add(message);
                    complete = type == SERVER_HELLO && !isRetry(message);
                }
            }
        }
    }

    private static boolean isRetry(byte[] message) {
        return message[0] == SERVER_HELLO
                && message.length >= 6 + RETRY_RANDOM.length
                && Arrays.equals(
                        message, 6, 6 + RETRY_RANDOM.length, RETRY_RANDOM, 0, RETRY_RANDOM.length);
    }

    public synchronized void fromClient(byte[] bytes, int at, int size) {
        client.take(bytes, at, size);
    }

    public synchronized void fromServer(byte[] bytes, int at, int size) {
        server.take(bytes, at, size);
    }

    public synchronized boolean hasRetry() {
        return messages.stream().anyMatch(Hellos::isRetry);
    }

    /** Transcript-Hash(ClientHello..ServerHello) as in RFC 8446 section 4.4.1. */
    public byte[] hash(String algorithm) throws Refusal {
        return hash(algorithm, "message-hash");
    }

    /**
     * The same, or what another READING of the drafts (H5) makes of it after a HelloRetryRequest.
     */
    public synchronized byte[] hash(String algorithm, String reading) throws Refusal {
        List<byte[]> hashed = new ArrayList<>(messages);
        if (!complete || messages.size() != 2 && messages.size() != 4) {
            throw new Refusal(
                    "internal",
                    messages.size() + " hellos are not those of a handshake",
                    "RFC 8446 section 4.4.1");
        }
        if (messages.size() == 4) {
            switch (reading) {
                case "all" -> hashed = messages;
                case "first-hello" -> hashed = List.of(messages.get(0), messages.get(3));
                case "second-hello" -> hashed = List.of(messages.get(2), messages.get(3));
                default -> {
                    byte[] first = Bytes.hash(algorithm, messages.get(0));
                    byte[] head = {(byte) MESSAGE_HASH, 0, 0, (byte) first.length};
                    hashed.set(0, Bytes.concat(head, first));
                }
            }
        }
        return Bytes.hash(algorithm, hashed.toArray(new byte[0][]));
    }

    /** The extensions of the last ClientHello, as a block without its length. */
    public synchronized byte[] clientExtensions() throws Refusal {
        byte[] hello = null;
        for (byte[] message : messages) {
            hello = message[0] == CLIENT_HELLO ? message : hello;
        }
        if (hello == null) {
            throw new Refusal("internal", "there was no ClientHello", "");
        }
        Bytes.Reader in = new Bytes.Reader(hello, "malformed-extension", "RFC 8446 section 4.1.2");
        in.bytes("header, version and random", 4 + 2 + 32);
        in.vector("legacy_session_id", 1, 0, 32);
        in.vector("cipher_suites", 2, 2, 0xffff);
        in.vector("legacy_compression_methods", 1, 1, 0xff);
        return in.vector("extensions", 2, 0, 0xffff);
    }
}

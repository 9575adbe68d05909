// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.zip.CRC32;

/**
 * The attester's device behind its unix socket: COBS frames with a CRC, numbered requests that are
 * sent again when no answer comes (sim/base/frame.h, link.h, protocol.h say it all). Private keys
 * never leave the device; one connection serves all threads, one request at a time.
 */
public final class Device implements AutoCloseable {
    private static final String CLAUSE = "the device's protocol";
    private static final int VERSION = 1;
    private static final int REQUEST = 1;
    private static final int ANSWER = 2;
    private static final int ANSWER_MAX = 256 * 1024 + 64;
    private static final int TRIES = 4;
    private static final long TIMEOUT_MS = 2000;
    private static final int CREATE_KEY = 2;
    private static final int DESTROY_KEY = 3;
    private static final int ATTEST_KEY = 4;
    private static final int ATTEST_PLATFORM = 5;
    private static final int SIGN = 6;
    private static final int INFO = 1;

    private final SocketChannel channel;
    private final Selector selector;
    private final int session = new SecureRandom().nextInt();
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private int sequence;

    /** A key of the device. */
    public record Key(int handle, EcKey publicKey) {}

    public static Device open(String address) throws Refusal {
        try {
            return new Device(address.substring("unix:".length()));
        } catch (IOException e) {
            throw unavailable("no device at " + address + ": " + e.getMessage());
        }
    }

    private Device(String path) throws IOException {
        channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.connect(UnixDomainSocketAddress.of(path));
        channel.configureBlocking(false);
        selector = Selector.open();
        channel.register(selector, SelectionKey.OP_READ);
    }

    private static Refusal unavailable(String detail) {
        return new Refusal("device-unavailable", detail, CLAUSE);
    }

    @Override
    public void close() {
        try {
            selector.close();
            channel.close();
        } catch (IOException e) {
            // nobody is left to tell
        }
    }

    /** 00, COBS(payload and CRC-32), 00. */
    static byte[] frame(byte[] payload) {
        CRC32 crc = new CRC32();
        crc.update(payload);
        byte[] data = Bytes.concat(payload, new Bytes.Writer().number(crc.getValue(), 4).done());
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(0);
        int at = 0;
        boolean more = true;
        while (more) {
            int end = at;
            while (end < data.length && data[end] != 0 && end - at < 254) {
                end++;
            }
            out.write(end - at + 1);
            out.write(data, at, end - at);
            boolean full = end - at == 254;
            more = full ? end < data.length : end < data.length && data[end] == 0;
            at = full ? end : end + 1;
        }
        out.write(0);
        return out.toByteArray();
    }

    /** The payload of what stands between two zero bytes, or null where it was disturbed. */
    static byte[] unframe(byte[] coded) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int at = 0;
        while (at < coded.length) {
            int size = coded[at++] & 0xff;
            if (size == 0 || at + size - 1 > coded.length) {
                return null;
            }
            out.write(coded, at, size - 1);
            at += size - 1;
            if (size < 255 && at < coded.length) {
                out.write(0);
            }
        }
        byte[] data = out.toByteArray();
        if (data.length < 4) {
            return null;
        }
        CRC32 crc = new CRC32();
        crc.update(data, 0, data.length - 4);
        byte[] sum = new Bytes.Writer().number(crc.getValue(), 4).done();
        return Arrays.equals(sum, Arrays.copyOfRange(data, data.length - 4, data.length))
                ? Arrays.copyOf(data, data.length - 4)
                : null;
    }

    private synchronized Bytes.Reader request(int operation, byte[] fields) throws Refusal {
        byte[] message = Bytes.concat(new byte[] {(byte) operation}, fields);
        sequence++;
        byte[] header =
                new Bytes.Writer()
                        .number(VERSION, 1)
                        .number(REQUEST, 1)
                        .number(session, 4)
                        .number(sequence, 4)
                        .done();
        byte[] frame = frame(Bytes.concat(header, message));
        long end = System.nanoTime() + TIMEOUT_MS * 1_000_000;
        try {
            for (int i = 1; i <= TRIES; i++) {
                ByteBuffer out = ByteBuffer.wrap(frame);
                while (out.hasRemaining() && System.nanoTime() < end) {
                    if (channel.write(out) == 0) {
                        Thread.onSpinWait();
                    }
                }
                long patience =
                        i == TRIES
                                ? end
                                : Math.min(end, System.nanoTime() + TIMEOUT_MS * 1_000_000 / TRIES);
                byte[] answer = answer(patience);
                if (answer != null) {
                    return check(operation, answer);
                }
            }
        } catch (IOException e) {
            throw unavailable("the device is gone: " + e.getMessage());
        }
        throw unavailable("the device does not answer");
    }

    /** The answer to the last request, or null when its time is up. */
    private byte[] answer(long end) throws IOException {
        ByteBuffer in = ByteBuffer.allocate(8192);
        while (true) {
            long left = (end - System.nanoTime()) / 1_000_000;
            if (left <= 0 || selector.select(left) == 0) {
                if (System.nanoTime() >= end - 1_000_000) {
                    return null;
                }
                continue;
            }
            selector.selectedKeys().clear();
            in.clear();
            if (channel.read(in) < 0) {
                throw new IOException("it closed the connection");
            }
            in.flip();
            while (in.hasRemaining()) {
                byte octet = in.get();
                if (octet != 0) {
                    if (line.size() < ANSWER_MAX) {
                        line.write(octet);
                    }
                    continue;
                }
                byte[] payload = line.size() > 0 ? unframe(line.toByteArray()) : null;
                line.reset();
                byte[] answer = payload == null ? null : ours(payload);
                if (answer != null) {
                    return answer;
                }
            }
        }
    }

    /** Answers to earlier tries are nobody's any more. */
    private byte[] ours(byte[] payload) {
        byte[] wanted =
                new Bytes.Writer()
                        .number(VERSION, 1)
                        .number(ANSWER, 1)
                        .number(session, 4)
                        .number(sequence, 4)
                        .done();
        return payload.length > wanted.length
                        && Arrays.equals(payload, 0, wanted.length, wanted, 0, wanted.length)
                ? Arrays.copyOfRange(payload, wanted.length, payload.length)
                : null;
    }

    private static Bytes.Reader check(int operation, byte[] answer) throws Refusal {
        Bytes.Reader in = new Bytes.Reader(answer, "device-unavailable", CLAUSE);
        long came = in.number("operation", 1);
        long outcome = in.number("outcome", 1);
        if (outcome != 0) {
            String said =
                    new String(
                            in.vector("text", 2, 0, 0xffff),
                            java.nio.charset.StandardCharsets.US_ASCII);
            throw unavailable("the device refused operation " + operation + ": " + said);
        }
        if (came != operation) {
            throw unavailable("the answer is to operation " + came);
        }
        return in;
    }

    private static EcKey key(Bytes.Reader in) throws Refusal {
        long number = in.number("curve", 1);
        if (number < 1 || number > 2) {
            throw unavailable("curve " + number + " is unknown");
        }
        EcKey.Curve curve = EcKey.Curve.values()[(int) number - 1];
        byte[] x = in.bytes("x", curve.size);
        return EcKey.of(curve, x, in.bytes("y", curve.size), "device-unavailable", CLAUSE);
    }

    private static byte[] handle(int handle) {
        return new Bytes.Writer().number(handle, 4).done();
    }

    /** Asks who it is: the instance id. */
    public byte[] instance() throws Refusal {
        return request(INFO, Bytes.EMPTY).bytes("instance id", 33);
    }

    public Key createKey(EcKey.Curve curve) throws Refusal {
        Bytes.Reader in = request(CREATE_KEY, new byte[] {(byte) curve.number()});
        Key key = new Key((int) in.number("handle", 4), key(in));
        in.end("answer to create-key");
        return key;
    }

    public void destroyKey(Key key) throws Refusal {
        request(DESTROY_KEY, handle(key.handle)).end("answer to destroy-key");
    }

    /** A CAB, in CBOR. */
    public byte[] attestKey(Key key, byte[] challenge) throws Refusal {
        byte[] fields = new Bytes.Writer().bytes(handle(key.handle)).vector(1, challenge).done();
        return evidence(request(ATTEST_KEY, fields));
    }

    /** A PSA token. */
    public byte[] attestPlatform(byte[] challenge) throws Refusal {
        return evidence(request(ATTEST_PLATFORM, new Bytes.Writer().vector(1, challenge).done()));
    }

    private static byte[] evidence(Bytes.Reader in) throws Refusal {
        byte[] evidence = in.vector("evidence", 3, 1, ANSWER_MAX);
        in.end("answer with evidence");
        return evidence;
    }

    /** ECDSA over a digest: r || s. */
    public byte[] sign(Key key, byte[] digest) throws Refusal {
        byte[] fields = new Bytes.Writer().bytes(handle(key.handle)).vector(1, digest).done();
        Bytes.Reader in = request(SIGN, fields);
        byte[] signature =
                in.vector(
                        "signature",
                        1,
                        2L * key.publicKey.curve().size,
                        2L * key.publicKey.curve().size);
        in.end("answer to sign");
        return signature;
    }

    /**
     * A key that was enrolled: the device must be there, and have the certificate's key, before
     * anybody is spoken to. The digest that is signed means nothing.
     */
    public Key enrolled(int handle, EcKey certified) throws Refusal {
        Key key = new Key(handle, certified);
        byte[] content = new byte[32];
        new SecureRandom().nextBytes(content);
        instance();
        byte[] signature = sign(key, Bytes.hash(certified.curve().hash, content));
        if (!certified.verifies(content, signature)) {
            throw unavailable("the device's key " + handle + " is not the key of the certificate");
        }
        return key;
    }
}

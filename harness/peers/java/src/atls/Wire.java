// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;

/**
 * A socket under a TLS library: reading ends when the connection's time is up, the hellos are kept,
 * and a library that closes its streams does not close the socket, so that an alert still arrives.
 */
public final class Wire {
    private static final int DRAIN_MS = 1000;

    public final Hellos hellos = new Hellos();

    private final Socket socket;
    private final boolean client;
    private final long end;

    public Wire(Socket socket, boolean client, long seconds) {
        this.socket = socket;
        this.client = client;
        this.end = System.nanoTime() + seconds * 1_000_000_000;
    }

    public InputStream input() throws IOException {
        InputStream in = socket.getInputStream();
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] bytes, int at, int size) throws IOException {
                long left = (end - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    throw new SocketTimeoutException("the connection's time is up");
                }
                socket.setSoTimeout((int) Math.min(left, Integer.MAX_VALUE));
                int count = in.read(bytes, at, size);
                if (count > 0 && client) {
                    hellos.fromServer(bytes, at, count);
                } else if (count > 0) {
                    hellos.fromClient(bytes, at, count);
                }
                return count;
            }

            @Override
            public int available() throws IOException {
                return in.available();
            }
        };
    }

    public OutputStream output() throws IOException {
        OutputStream out = socket.getOutputStream();
        return new OutputStream() {
            @Override
            public void write(int octet) throws IOException {
                write(new byte[] {(byte) octet}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int at, int size) throws IOException {
                if (client) {
                    hellos.fromClient(bytes, at, size);
                } else {
                    hellos.fromServer(bytes, at, size);
                }
                out.write(bytes, at, size);
            }

            @Override
            public void flush() throws IOException {
                out.flush();
            }
        };
    }

    /**
     * Says no more, and takes what still comes: a socket that is closed over unread bytes is reset,
     * and the peer never sees the alert.
     */
    public void leave() {
        try {
            socket.shutdownOutput();
            socket.setSoTimeout(DRAIN_MS);
            InputStream in = socket.getInputStream();
            byte[] rest = new byte[4096];
            long until = System.nanoTime() + DRAIN_MS * 1_000_000L;
            while (in.read(rest) >= 0 && System.nanoTime() < until) {
                continue;
            }
        } catch (IOException e) {
            // it is over either way
        }
    }
}

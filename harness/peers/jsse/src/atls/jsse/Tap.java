// SPDX-License-Identifier: Apache-2.0
package atls.jsse;

import atls.Wire;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketException;

/** The socket that JSSE is laid over: its bytes go through a {@link Wire}, and it stays open. */
final class Tap extends Socket {
    private final Socket socket;
    private final Wire wire;

    Tap(Socket socket, Wire wire) {
        this.socket = socket;
        this.wire = wire;
    }

    @Override
    public InputStream getInputStream() throws IOException {
        return wire.input();
    }

    @Override
    public OutputStream getOutputStream() throws IOException {
        return wire.output();
    }

    @Override
    public boolean isConnected() {
        return socket.isConnected();
    }

    @Override
    public boolean isBound() {
        return socket.isBound();
    }

    @Override
    public InetAddress getInetAddress() {
        return socket.getInetAddress();
    }

    @Override
    public InetAddress getLocalAddress() {
        return socket.getLocalAddress();
    }

    @Override
    public int getPort() {
        return socket.getPort();
    }

    @Override
    public int getLocalPort() {
        return socket.getLocalPort();
    }

    @Override
    public SocketAddress getRemoteSocketAddress() {
        return socket.getRemoteSocketAddress();
    }

    /** The wire has its own idea of time. */
    @Override
    public void setSoTimeout(int milliseconds) throws SocketException {
        if (socket.isClosed()) {
            throw new SocketException("the socket is closed");
        }
    }

    @Override
    public int getSoTimeout() throws SocketException {
        return socket.getSoTimeout();
    }

    @Override
    public void shutdownOutput() {
        // the wire does it, once everything was said
    }

    @Override
    public void close() {
        // as above
    }
}

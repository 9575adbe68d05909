// SPDX-License-Identifier: Apache-2.0
package atls.bc;

import atls.Bytes;

import org.bouncycastle.tls.CertificateRequest;
import org.bouncycastle.tls.TlsContext;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.Map;

/** A CertificateRequest with extensions that the library has no place for. */
final class Request extends CertificateRequest {
    private final Map<Integer, byte[]> extensions;

    Request(Map<Integer, byte[]> extensions) throws IOException {
        super(Bytes.EMPTY, Session.signatureAlgorithms(), null, null);
        this.extensions = extensions;
    }

    /** context (empty, one byte of length), then the block of extensions, which grows. */
    @Override
    public void encode(TlsContext context, OutputStream output) throws IOException {
        ByteArrayOutputStream plain = new ByteArrayOutputStream();
        super.encode(context, plain);
        byte[] message = plain.toByteArray();
        byte[] block = Arrays.copyOfRange(message, 3, message.length);
        Bytes.Writer grown = new Bytes.Writer().bytes(block);
        extensions.forEach((number, body) -> grown.number(number, 2).vector(2, body));
        output.write(new Bytes.Writer().number(0, 1).vector(2, grown.done()).done());
    }
}

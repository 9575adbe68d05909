// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** A TLS connection whose handshake is over, whatever library made it. */
public interface Link {
    InputStream input() throws IOException;

    OutputStream output() throws IOException;

    /** Has something come, decrypted or not, that was not read? */
    boolean pending() throws IOException;

    /** RFC 8446 section 7.5; an empty context is the same as none. */
    byte[] export(String label, byte[] context, int size) throws IOException;

    /** The hash of the cipher suite, as Java calls it. */
    String hash();

    /** The extensions of the ClientHello that counted, as a block without its length. */
    byte[] helloExtensions();
}

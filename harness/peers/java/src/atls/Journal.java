// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Events about credentials and results, and the files (--artifacts) that they name. */
public final class Journal {
    private static final int ROUNDS_MAX = 1000;

    public final Events events;
    private final Path artifacts;

    public Journal(Events events, String artifacts) {
        this.events = events;
        this.artifacts = artifacts == null ? null : Path.of(artifacts);
    }

    /** The name of a new file, or null where none is wanted. */
    private String keep(int conn, String what, byte[] data) {
        for (int round = 1; artifacts != null && round <= ROUNDS_MAX; round++) {
            String name = "conn-" + conn + (round == 1 ? "-" : "-" + round + "-") + what;
            try {
                Files.write(artifacts.resolve(name), data, StandardOpenOption.CREATE_NEW);
                return name;
            } catch (FileAlreadyExistsException e) {
                continue; // of an earlier round
            } catch (IOException e) {
                throw new UncheckedIOException("--artifacts", e);
            }
        }
        return null;
    }

    public void challenge(int conn, String direction, byte[] nonce) {
        events.tell("challenge", "conn", conn, "direction", direction, "nonce", Bytes.hex(nonce));
    }

    public void credential(int conn, String direction, byte[] cmw) {
        String serialization = Cmw.serializationOf(cmw);
        boolean json = "json".equals(serialization);
        events.tell(
                "credential",
                "conn",
                conn,
                "direction",
                direction,
                "bytes",
                cmw.length,
                "form",
                serialization == null ? null : Cmw.formOf(cmw).word(),
                "serialization",
                serialization,
                "sha256",
                Bytes.hex(Bytes.hash("SHA-256", cmw)),
                "file",
                keep(conn, direction + "-credential." + (json ? "json" : "cbor"), cmw));
    }

    public String result(int conn, String name, byte[] jwt) {
        return keep(conn, name, jwt);
    }

    public void result(int conn, String source, String file, Long expiresIn) {
        events.tell(
                "result", "conn", conn, "source", source, "file", file, "expires_in", expiresIn);
    }
}

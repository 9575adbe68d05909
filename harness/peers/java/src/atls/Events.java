// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Events, one JSON object a line (harness/peers/README.md); all threads write through here. */
public final class Events {
    private final OutputStream out;
    private final String who;
    private final long start = System.nanoTime();

    /** FILE null: nothing is written; "-": standard output. */
    public Events(String file, String who) throws IOException {
        this.who = who;
        this.out =
                file == null
                        ? null
                        : file.equals("-") ? System.out : Files.newOutputStream(Path.of(file));
    }

    /** FIELDS: name, value, ...; a null value leaves the field out. */
    public void tell(String event, Object... fields) {
        Map<String, Object> line = new LinkedHashMap<>();
        for (int i = 0; i < fields.length; i += 2) {
            if (fields[i + 1] != null) {
                line.put((String) fields[i], fields[i + 1]);
            }
        }
        write(event, line);
    }

    public synchronized void write(String event, Map<String, Object> fields) {
        if (out == null) {
            return;
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("t", Math.round((System.nanoTime() - start) / 1e3) / 1e6);
        line.put("who", who);
        line.put("event", event);
        line.putAll(fields);
        try {
            out.write(Bytes.utf8(Json.write(line) + "\n"));
            out.flush();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException("events", e);
        }
    }
}

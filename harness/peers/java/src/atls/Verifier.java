// SPDX-License-Identifier: Apache-2.0
package atls;

import com.nimbusds.jose.jwk.ECKey;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.ProtocolException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A client of Veraison's challenge-response and discovery APIs, in the nonce dialects of all its
 * releases. What a verifier says is read as strictly as what a peer says.
 */
public final class Verifier {
    private static final String API = "Veraison challenge-response API";
    private static final String SESSION_TYPE =
            "application/vnd.veraison.challenge-response-session+json";
    private static final String DISCOVERY_TYPE = "application/vnd.veraison.discovery+json";
    private static final int BODY_MAX = 1 << 20;
    private static final long POLL_MS = 200;

    private final long timeoutMs;
    private final Map<String, ECKey> keys = new ConcurrentHashMap<>();

    private record Answer(int status, String type, String location, URI url, byte[] body) {}

    public Verifier(long timeoutMs) {
        this.timeoutMs = timeoutMs;
    }

    private static Refusal garbage(URI url, String detail) {
        return new Refusal("verifier-garbage", url + ": " + detail, API);
    }

    private static URI join(String base, String path) throws Refusal {
        try {
            URI url = URI.create(base.replaceAll("/+$", "") + path);
            if (List.of("http", "https").contains(url.getScheme())) {
                return url;
            }
        } catch (IllegalArgumentException e) {
            // told below
        }
        throw new Refusal("verifier-unreachable", "not an http or https URL: " + base, API);
    }

    /** HEADERS: names and values in turn. BODY: null where the request has none. */
    private Answer send(String method, URI url, byte[] body, String... headers) throws Refusal {
        CompletableFuture<Answer> pending = new CompletableFuture<>();
        inBackground(
                () -> {
                    try {
                        pending.complete(exchange(method, url, body, headers));
                    } catch (IOException | RuntimeException e) {
                        pending.completeExceptionally(e);
                    }
                });
        try {
            return pending.get(timeoutMs, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new Refusal("verifier-timeout", url + ": no answer in " + timeoutMs + " ms", "");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Refusal("internal", "interrupted", "");
        } catch (ExecutionException e) {
            throw failure(url, e.getCause());
        }
    }

    /** It does not keep the program from its end. */
    private static void inBackground(Runnable task) {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        thread.start();
    }

    private Answer exchange(String method, URI url, byte[] body, String... headers)
            throws IOException {
        HttpURLConnection http = (HttpURLConnection) url.toURL().openConnection();
        int patience = (int) Math.min(timeoutMs, Integer.MAX_VALUE);
        http.setConnectTimeout(patience);
        http.setReadTimeout(patience);
        http.setInstanceFollowRedirects(false);
        http.setUseCaches(false);
        http.setRequestMethod(method);
        http.setRequestProperty("Connection", "close");
        for (int i = 0; i < headers.length; i += 2) {
            http.setRequestProperty(headers[i], headers[i + 1]);
        }
        if (body != null) {
            http.setDoOutput(true);
            http.setFixedLengthStreamingMode(body.length); // and so it is sent once
            try (OutputStream out = http.getOutputStream()) {
                out.write(body);
            }
        }
        int status = http.getResponseCode();
        ByteArrayOutputStream came = new ByteArrayOutputStream();
        try (InputStream in = status < 400 ? http.getInputStream() : http.getErrorStream()) {
            if (in != null) {
                in.transferTo(bounded(came));
                checkLength(http.getContentLengthLong(), came.size());
            }
        }
        String type = http.getContentType();
        return new Answer(
                status,
                type == null ? "" : type,
                http.getHeaderField("Location"),
                url,
                came.toByteArray());
    }

    /** HttpURLConnection takes the end of the connection for the end of the body. */
    private static void checkLength(long announced, long came) throws ProtocolException {
        if (announced >= 0 && announced != came) {
            throw new ProtocolException(
                    "expected a body of " + announced + " bytes, came " + came);
        }
    }

    private static OutputStream bounded(ByteArrayOutputStream out) {
        return new OutputStream() {
            @Override
            public void write(int octet) throws IOException {
                write(new byte[] {(byte) octet}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int at, int size) throws IOException {
                if (out.size() + size > BODY_MAX) {
                    throw new ProtocolException("the answer is larger than 1 MiB");
                }
                out.write(bytes, at, size);
            }
        };
    }

    /** Nobody there, nobody in time, or not HTTP. */
    private static Refusal failure(URI url, Throwable cause) {
        Throwable root = cause;
        while (root.getCause() != null && !(root instanceof SocketTimeoutException)) {
            root = root.getCause();
        }
        String detail =
                url
                        + ": "
                        + (root.getMessage() == null
                                ? root.getClass().getSimpleName()
                                : root.getMessage());
        if (root instanceof SocketTimeoutException) {
            return new Refusal("verifier-timeout", detail, "");
        }
        boolean odd =
                root instanceof ProtocolException
                        || String.valueOf(root.getMessage())
                                .matches("(?i).*(invalid|malformed|bogus|missing).*");
        return new Refusal(odd ? "verifier-garbage" : "verifier-unreachable", detail, "");
    }

    private static void checkType(Answer answer, String own) throws Refusal {
        String essence = answer.type.replaceAll(";.*", "").trim();
        if (!essence.isEmpty()
                && !essence.equalsIgnoreCase(own)
                && !essence.equalsIgnoreCase("application/json")) {
            throw garbage(answer.url, "expected Content-Type " + own + ", came " + essence);
        }
    }

    private static Refusal refused(Answer answer, int expected, String reason) {
        String problem = "";
        try {
            Map<String, Object> said = Json.parseObject(answer.body, "");
            problem = ": " + said.get("title") + ": " + said.get("detail");
        } catch (Refusal e) {
            problem = "";
        }
        return new Refusal(
                reason,
                answer.url
                        + ": expected HTTP status "
                        + expected
                        + ", came "
                        + answer.status
                        + problem,
                API);
    }

    /** The key by which its results are signed, from discovery. */
    public ECKey key(String base) throws Refusal {
        ECKey known = keys.get(base);
        if (known != null) {
            return known;
        }
        URI url = join(base, "/.well-known/veraison/verification");
        Answer answer = send("GET", url, null, "Accept", DISCOVERY_TYPE);
        if (answer.status != 200) {
            throw refused(answer, 200, "verifier-error");
        }
        checkType(answer, DISCOVERY_TYPE);
        Object jwk = Json.parseObject(answer.body, "verifier-garbage").get("ear-verification-key");
        ECKey key =
                Result.verificationKey(
                        Json.object(jwk, "ear-verification-key", "verifier-garbage", API),
                        "verifier-garbage");
        keys.put(base, key);
        return key;
    }

    /** One appraisal. */
    public final class Session {
        public final byte[] nonce;
        private final URI url;
        private final List<?> accept;

        private Session(URI url, byte[] nonce, List<?> accept) {
            this.url = url;
            this.nonce = nonce;
            this.accept = accept;
        }

        /** Does the verifier say that it takes evidence of this type, or say nothing? */
        public boolean accepts(String mediaType) {
            if (accept == null || accept.isEmpty()) {
                return true;
            }
            // Some advertise parameters whose values need quotes without them.
            String plain = mediaType.replaceAll("[\" ]", "");
            return accept.stream()
                    .map(String.class::cast)
                    .anyMatch(
                            name ->
                                    MediaType.equal(name, mediaType)
                                            || name.replaceAll("[\" ]", "").equals(plain));
        }

        /** Hands EVIDENCE over and waits for the result, a JWT. */
        public byte[] appraise(String mediaType, byte[] evidence) throws Refusal {
            long end = System.nanoTime() + timeoutMs * 1_000_000;
            Answer answer =
                    send("POST", url, evidence, "Accept", SESSION_TYPE, "Content-Type", mediaType);
            while (true) {
                byte[] result = result(answer);
                if (result != null) {
                    return result;
                }
                if (System.nanoTime() > end) {
                    throw new Refusal(
                            "verifier-timeout", url + ": no result in " + timeoutMs + " ms", "");
                }
                pause();
                answer = send("GET", url, null, "Accept", SESSION_TYPE);
            }
        }

        /** Nobody waits for the answer: the session is of no more use. */
        public void end() {
            inBackground(
                    () -> {
                        try {
                            exchange("DELETE", url, null);
                        } catch (IOException e) {
                            // nobody waits for it
                        }
                    });
        }
    }

    private static void pause() throws Refusal {
        try {
            Thread.sleep(POLL_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Refusal("internal", "interrupted", "");
        }
    }

    /** The result of a session that is complete; null where it is still at work. */
    private static byte[] result(Answer answer) throws Refusal {
        if (answer.status == 404 || answer.status == 410) {
            throw refused(answer, 200, "session-expired");
        }
        if (answer.status != 200 && answer.status != 202) {
            throw refused(answer, 200, "verifier-error");
        }
        Map<String, Object> session = session(answer);
        String status = String.valueOf(session.get("status"));
        if (status.equals("failed")) {
            throw new Refusal("verifier-error", answer.url + ": the session failed", API);
        }
        if (!status.equals("complete")) {
            return null;
        }
        if (session.get("result") instanceof String text && !text.isEmpty()) {
            return Bytes.utf8(text);
        }
        throw garbage(answer.url, "a complete session has a result, none came");
    }

    private static Map<String, Object> session(Answer answer) throws Refusal {
        checkType(answer, SESSION_TYPE);
        Map<String, Object> session = Json.parseObject(answer.body, "verifier-garbage");
        Object accept = session.get("accept");
        boolean texts =
                accept == null
                        || accept instanceof List<?> list
                                && list.stream().allMatch(String.class::isInstance);
        if (!List.of("waiting", "processing", "complete", "failed")
                        .contains(String.valueOf(session.get("status")))
                || !(session.get("nonce") instanceof String)
                || !texts) {
            throw garbage(answer.url, "expected a session with status, nonce and accept");
        }
        return session;
    }

    /**
     * A session over CHALLENGE, or (where that is null) over a nonce of SIZE bytes of its making.
     */
    public Session open(String base, byte[] challenge, int size) throws Refusal {
        // Padded: that is what every release of the API reads.
        String query =
                challenge == null
                        ? "nonceSize=" + size
                        : "nonce=" + Base64.getUrlEncoder().encodeToString(challenge);
        URI url = join(base, "/challenge-response/v1/newSession?" + query);
        Answer answer = send("POST", url, Bytes.EMPTY, "Accept", SESSION_TYPE);
        if (answer.status != 201) {
            throw refused(answer, 201, "verifier-error");
        }
        Map<String, Object> session = session(answer);
        byte[] nonce = Bytes.unbase64any((String) session.get("nonce"), "verifier-garbage", API);
        boolean right = challenge == null ? nonce.length == size : Bytes.equal(nonce, challenge);
        if (answer.location == null || !right) {
            throw garbage(
                    url,
                    answer.location == null
                            ? "status 201 without Location"
                            : "another nonce than asked for");
        }
        return new Session(resolve(url, answer.location), nonce, (List<?>) session.get("accept"));
    }

    /** RFC 3986 section 5.2; a step from https down to http is not taken. */
    private static URI resolve(URI base, String location) throws Refusal {
        try {
            URI url = base.resolve(location);
            if ("https".equals(url.getScheme())
                    || "http".equals(url.getScheme()) && "http".equals(base.getScheme())) {
                return url;
            }
        } catch (IllegalArgumentException e) {
            // told below
        }
        throw garbage(base, "Location must lead to an http or https URL, came " + location);
    }
}
